// Deterministic CBOR, as infrastructure/proofs/cbor.py: one spelling of each value, bounded.

// A refusal; its code is the one of docs/reference/credential-format.md.
export class Refused extends Error {
  constructor(code) {
    super(code);
    this.code = code;
  }
}

export class Tagged {
  constructor(tag, value) {
    this.tag = tag;
    this.value = value;
  }
}

const MAX_DEPTH = 6;
const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const malformed = () => new Refused("cbor_malformed");

export function loads(data, limitBytes) {
  if (data.length > limitBytes) throw new Refused("cbor_too_large");
  const reader = new Reader(data);
  const value = reader.read(MAX_DEPTH);
  if (reader.at !== data.length) throw malformed();
  return value;
}

class Reader {
  constructor(data) {
    this.data = data;
    this.at = 0;
  }

  read(depth) {
    if (depth === 0) throw malformed();
    const [major, argument] = this.head();
    switch (major) {
      case 0: return number(argument);
      case 1: return number(-1n - argument);
      case 2: return this.take(argument);
      case 3: return this.text(argument);
      case 4: {
        this.expect(argument);
        return Array.from({ length: Number(argument) }, () => this.read(depth - 1));
      }
      case 5: return this.map(argument, depth - 1);
      case 6: return new Tagged(number(argument), this.read(depth - 1));
      default: throw malformed();
    }
  }

  head() {
    const first = this.take(1n)[0];
    const kind = first & 31;
    if (kind < 24) return [first >> 5, BigInt(kind)];
    if (kind > 27) throw malformed();
    const width = 1 << (kind - 24);
    let argument = 0n;
    for (const byte of this.take(BigInt(width))) argument = (argument << 8n) | BigInt(byte);
    if (argument < (width === 1 ? 24n : 1n << BigInt(4 * width))) throw malformed();
    return [first >> 5, argument];
  }

  // Refuses a count that the bytes left cannot hold, before anything is made of it.
  expect(items) {
    if (items > BigInt(this.data.length - this.at)) throw malformed();
  }

  take(count) {
    this.expect(count);
    const taken = this.data.subarray(this.at, this.at + Number(count));
    this.at += Number(count);
    return taken;
  }

  text(count) {
    const bytes = this.take(count);
    try {
      return UTF8.decode(bytes);
    } catch {
      throw malformed();
    }
  }

  map(count, depth) {
    this.expect(2n * count);
    const pairs = new Map();
    let before = new Uint8Array();
    for (let pair = 0; pair < Number(count); pair += 1) {
      const begins = this.at;
      const key = this.read(depth);
      const spelt = this.data.subarray(begins, this.at);
      const plain = ["number", "bigint", "string"].includes(typeof key) || key instanceof Uint8Array;
      if (!plain || !follows(spelt, before)) throw malformed();
      before = spelt;
      pairs.set(key, this.read(depth));
    }
    return pairs;
  }
}

// A number where it is exact, else a BigInt, which no claim of ours is.
function number(value) {
  const exact = BigInt(Number.MIN_SAFE_INTEGER) <= value && value <= BigInt(Number.MAX_SAFE_INTEGER);
  return exact ? Number(value) : value;
}

function follows(one, other) {
  for (let at = 0; at < Math.min(one.length, other.length); at += 1) {
    if (one[at] !== other[at]) return one[at] > other[at];
  }
  return one.length > other.length;
}

// What is signed and hashed is written by us: heads, byte strings and text are all that it takes.
export function head(major, length) {
  if (length < 24) return Uint8Array.of((major << 5) | length);
  if (length < 256) return Uint8Array.of((major << 5) | 24, length);
  return Uint8Array.of((major << 5) | 25, length >> 8, length & 255);
}

export function joined(...parts) {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
