// Words for people, from the same catalogue as the pages of the server.

let texts = {};
let language = "ar";

// gettext's rules of the three catalogues, in the order of their forms.
const FORMS = {
  ar: (n) => n === 0 ? 0 : n === 1 ? 1 : n === 2 ? 2
    : n % 100 >= 3 && n % 100 <= 10 ? 3 : n % 100 >= 11 ? 4 : 5,
  ckb: (n) => n === 1 ? 0 : 1,
  en: (n) => n === 1 ? 0 : 1,
};

export async function load(wanted) {
  language = wanted;
  texts = await (await fetch(`/${wanted}/texts.json`)).json();
}

export function t(id, values = {}) {
  const found = texts[id] ?? id;
  const text = Array.isArray(found) ? found[FORMS[language](values.count ?? 1)] : found;
  return text.replace(/\{([a-z_]+)\}/g, (mark, name) => values[name] ?? mark);
}

// Days and ages are read, so they are in the language's own digits; codes and indexes are not.
export function digits(text) {
  if (language === "en") return text;
  return text.replace(/[0-9]/g, (digit) => String.fromCharCode(0x660 + Number(digit)));
}

// "verdict" tells the age of a status; "page" that of whatever was named before it.
export function age(seconds, of = "verdict") {
  if (seconds < 60 && of === "verdict") {
    return digits(t("verdict.age.seconds", { count: Math.max(0, seconds) }));
  }
  if (seconds < 3600) return digits(t(`${of}.age.minutes`, { count: Math.floor(seconds / 60) }));
  return digits(t(`${of}.age.hours`, { count: Math.floor(seconds / 3600) }));
}

// A clock time of today, as in "19:39".
export function clock(date = new Date()) {
  const parts = { timeZone: "Asia/Baghdad", hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
  return digits(new Intl.DateTimeFormat("en-GB", parts).format(date));
}

// A day of Baghdad, written out; browsers know no Sorani months, so they are in the catalogue.
export function day(iso) {
  const [year, month, number] = iso.split("-").map(Number);
  return digits(t("page.day", { day: number, month: t(`page.month.${month}`), year }));
}

export function moment(date) {
  const iso = new Intl.DateTimeFormat("en-CA", { timeZone: "Asia/Baghdad" }).format(date);
  return `${day(iso)}${language === "en" ? "," : "،"} ${clock(date)}`;
}
