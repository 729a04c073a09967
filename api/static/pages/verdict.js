// The verdict on a credential, as infrastructure/proofs/verdict.py: judgeCredential is its
// judge_credential, and a test runs both over every combination of facts.

export const OUTCOMES = {
  in_force_paper_not_compared: "valid", in_force_fields_match: "valid",
  in_force_document_matches: "valid", in_force_credential_genuine: "valid",
  code_unknown: "not_valid", content_mismatch: "not_valid", voided: "not_valid",
  issuer_key_compromised: "not_valid", credential_forged: "not_valid",
  issuer_not_entitled: "not_valid", issuer_unknown: "not_valid",
  revoked: "withdrawn", original_revoked: "withdrawn", suspended: "withdrawn",
  superseded: "withdrawn", replaced: "withdrawn",
  not_yet_valid: "not_in_its_time", expired: "not_in_its_time",
  code_malformed: "unreadable", credential_unreadable: "unreadable",
  credential_foreign: "unreadable",
  status_stale: "could_not_check", store_unavailable: "could_not_check",
  values_not_comparable: "could_not_check", ledger_foreign: "could_not_check",
  issuer_not_known_yet: "could_not_check", trust_list_old: "could_not_check",
  log_proof_needed: "could_not_check", genuine_force_not_checked: "could_not_check",
  answer_missing: "could_not_check",
  file_contradictory: "not_valid",
};
const LISTED = { invalid: "revoked", suspended: "suspended", superseded: "superseded" };
const UNCHANGED = {
  entitled: "signed", not_entitled: "signed", unknown: "not_compared", forged: "differs",
};
const FORCE = {
  revoked: "revoked", suspended: "suspended", superseded: "superseded",
  not_yet_valid: "not_yet", expired: "expired", in_force_credential_genuine: "in_force",
};

// The worst of all that can be said, behind what makes all of it idle. `facts` and `knowledge` have
// the members of CredentialFacts and Knowledge; `today` is a day of Baghdad.
export function judgeCredential(facts, knowledge, { today, maxStatusAge }) {
  const reason = reasonOf(facts, knowledge, today, maxStatusAge);
  return told(reason, {
    unchanged: facts.own_ledger ? UNCHANGED[facts.signer] : "not_compared",
    issuer: issuer(facts),
    in_force: FORCE[reason] ?? "unknown",
  });
}

function reasonOf(facts, knowledge, today, maxStatusAge) {
  const { signer, index, void_from: voidFrom } = facts;
  if (!facts.own_ledger) return "ledger_foreign";
  if (signer === "forged") return "credential_forged";
  if (signer === "unknown") {
    if (index >= knowledge.trust_size) return "issuer_not_known_yet";
    return knowledge.trust_old ? "trust_list_old" : "issuer_unknown";
  }
  if (signer === "not_entitled") return "issuer_not_entitled";
  if (voidFrom !== null && voidFrom <= index) return "issuer_key_compromised";
  if (knowledge.listed in LISTED) return LISTED[knowledge.listed];
  if (today < facts.effective_date) return "not_yet_valid";
  if (facts.expiry_date !== null && today > facts.expiry_date) return "expired";
  if (knowledge.trust_old) return "trust_list_old";
  if (voidFrom !== null) return "log_proof_needed";
  const young = knowledge.status_age_seconds !== null && maxStatusAge > 0
    && knowledge.status_age_seconds <= maxStatusAge;
  const covered = knowledge.status_size !== null && index < knowledge.status_size;
  const inForce = knowledge.listed === "valid" && young && covered;
  return inForce ? "in_force_credential_genuine" : "genuine_force_not_checked";
}

function issuer({ signer, own_ledger: own, void_from: voidFrom }) {
  if (signer !== "entitled" || !own) return signer === "not_entitled" ? "not_entitled" : "unknown";
  return voidFrom === null ? "authorised" : "key_compromised";
}

const UNSURE = new Set(["ledger_foreign", "issuer_not_known_yet", "trust_list_old"]);

export function unreadable(code) {
  const reason = code === "credential_foreign" || code === "qr_foreign"
    ? "credential_foreign" : "credential_unreadable";
  return told(reason, { unchanged: "not_compared", issuer: "unknown", in_force: "unknown" });
}

export function told(reason, questions) {
  return { outcome: OUTCOMES[reason], reason, questions };
}

// With a network: what the paper's signature says, and what the register says of its record. The
// register decides on force; a paper that names another record than its code leads to is forged.
export function combined(local, server, credential) {
  const own = ({ unchanged, issuer: by }) => ({ ...server.questions, unchanged, issuer: by });
  if (local.reason === "issuer_key_compromised" && server.outcome === "valid") {
    // Affirmed again, but by whom this paper was signed, only the log can prove.
    return { ...server, ...told("log_proof_needed", own(local.questions)) };
  }
  const open = local.reason === "issuer_key_compromised" ? null : doubt(local);
  if (open) return { ...server, ...told(open, own(local.questions)) };
  const record = server.record;
  const other = record !== null
    && ["agency", "type", "index"].some((name) => record[name] !== credential[name]);
  if (other) {
    const questions = { ...server.questions, unchanged: "differs" };
    return { ...server, ...told("credential_forged", questions) };
  }
  const questions = { ...server.questions, unchanged: local.questions.unchanged };
  if (server.reason === "in_force_paper_not_compared") {
    return { ...server, ...told("in_force_credential_genuine", questions) };
  }
  return { ...server, questions };
}

// What is open about the signature, however the record stands. By the facts: a paper's own end, or
// its place in a status list, may be its signer's invention.
function doubt({ outcome, reason, facts, knowledge }) {
  if (["not_valid", "unreadable"].includes(outcome) || UNSURE.has(reason)) return reason;
  if (knowledge.trust_old) return "trust_list_old";
  return facts.void_from === null ? null : "log_proof_needed";
}
