// Verify what a certificate's QR code says, in a browser or in Node (20 or newer):
//   node verify_credential.mjs TRUST.json QR-TEXT
// TRUST.json is what GET /v1/trust answers. It proves who signed; whether the certificate is in
// force is another question: ask GET /v1/verify/CODE, or a status list.

const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));

function base32(text) {
  const bits = [...text].map((c) => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(c).toString(2).padStart(5, "0")).join("");
  return Uint8Array.from(bits.match(/.{8}/g), (byte) => parseInt(byte, 2));
}

// The little of CBOR that a credential is made of; `at.i` moves on.
function read(data, at) {
  const first = data[at.i++], kind = first >> 5, short = first & 31;
  let n = short < 24 ? short : 0;
  for (const end = at.i + (short < 24 ? 0 : 1 << (short - 24)); at.i < end; ) n = n * 256 + data[at.i++];
  if (kind === 0) return n;
  if (kind === 1) return -1 - n;
  if (kind < 4) { const part = data.slice(at.i, (at.i += n)); return kind === 2 ? part : new TextDecoder().decode(part); }
  if (kind === 6) return read(data, at);
  const items = Array.from({ length: kind === 5 ? 2 * n : n }, () => read(data, at));
  return kind === 4 ? items : new Map(items.flatMap((one, i) => (i % 2 ? [] : [[one, items[i + 1]]])));
}

const head = (kind, n) => (n < 24 ? [kind << 5 | n] : n < 256 ? [kind << 5 | 24, n] : [kind << 5 | 25, n >> 8, n & 255]);
const bstr = (part) => [...head(2, part.length), ...part];

export async function verify(trust, text) {
  let data = base32(text.split("#")[1]);
  if (data[0] === 0x78) {
    const stream = new Blob([data]).stream().pipeThrough(new DecompressionStream("deflate"));
    data = new Uint8Array(await new Response(stream).arrayBuffer());
  }
  const [protectedHead, , claims, signature] = read(data, { i: 0 });
  const said = read(claims, { i: 0 }), kid = read(protectedHead, { i: 0 }).get(4).join();
  const context = new TextEncoder().encode("Signature1");
  const signed = Uint8Array.from([0x84, 0x6a, ...context, ...bstr(protectedHead), 0x40, ...bstr(claims)]);
  // Who follows a body that was merged or split signs in its name.
  const heirs = trust.content.agencies.find((one) => one.id === said.get(1))?.heirs ?? [];
  const bodies = [said.get(1), ...heirs.map((one) => one.agency)];
  for (const key of trust.content.keys) {
    const named = bytes(key.thumbprint).slice(0, 8).join();
    if (!bodies.includes(key.agency) || named !== kid || "void_from" in key) continue;
    const how = key.jwk.kty === "EC" ? { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } : { name: "Ed25519" };
    const point = await crypto.subtle.importKey("jwk", key.jwk, how, false, ["verify"]);
    if (await crypto.subtle.verify(how, point, signature, signed)) return { key: key.thumbprint, agency: key.agency, said: said.get(-65537) };
  }
  throw new Error("nobody that the trust list knows signed this");
}

if (typeof process !== "undefined" && process.argv[3]) {
  const { readFile } = await import("node:fs/promises");
  console.log(await verify(JSON.parse(await readFile(process.argv[2], "utf8")), process.argv[3]));
}
