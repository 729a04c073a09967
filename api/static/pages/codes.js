// Public codes, as infrastructure/proofs/codes.py: sixteen symbols of Crockford's base 32, a check.

export const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const FORM = new RegExp(`^[${ALPHABET}]{17}$`);
const DROPPED = /[-\u2010-\u2015\u2212 \t\r\n\u00a0\u2009\u202f\u061c\u200e\u200f\u2066-\u2069]/g;

const POWER = [1];
for (let at = 1; at < 31; at += 1) {
  const doubled = POWER[at - 1] << 1;
  POWER.push(doubled & 32 ? doubled ^ 0b100101 : doubled);
}
const LOG = new Map(POWER.map((power, exponent) => [power, exponent]));

function weigh(symbols) {
  let total = 0;
  [...symbols].forEach((symbol, position) => {
    const value = ALPHABET.indexOf(symbol);
    if (value) total ^= POWER[(position + LOG.get(value)) % 31];
  });
  return total;
}

function checkSymbol(symbols) {
  const total = weigh(symbols);
  return ALPHABET[total === 0 ? 0 : POWER[(LOG.get(total) - 16 + 31) % 31]];
}

// The stored spelling of what somebody typed; null where that is no code.
export function normalise(text) {
  if ([...text].length > 64) return null;
  const code = [...text.replace(DROPPED, "")].map((sign) => {
    const digit = "٠١٢٣٤٥٦٧٨٩".indexOf(sign) + 1 || "۰۱۲۳۴۵۶۷۸۹".indexOf(sign) + 1;
    if (digit) return String(digit - 1);
    if ("oO".includes(sign)) return "0";
    if ("iIlL".includes(sign)) return "1";
    return /^[a-z]$/.test(sign) ? sign.toUpperCase() : sign;
  }).join("");
  return FORM.test(code) && weigh(code) === 0 ? code : null;
}

// The stored code of its 80 random bits.
export function fromBytes(bytes) {
  let bits = 0n;
  for (const byte of bytes) bits = (bits << 8n) | BigInt(byte);
  let symbols = "";
  for (let shift = 75n; shift >= 0n; shift -= 5n) symbols += ALPHABET[Number((bits >> shift) & 31n)];
  return symbols + checkSymbol(symbols);
}

export function grouped(code) {
  return code.match(/.{1,4}/g).join("-");
}
