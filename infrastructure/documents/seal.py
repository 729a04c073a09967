"""Seals on PDFs: PAdES B-B (ETSI EN 319 142-1), added behind the document's own bytes.

A seal says that nobody changed the file since, and who signed it: a name in a certificate. Whether
anybody believes that name is up to them; one that its own key signed is believed by whoever was
handed it. What proves a document is its credential and the log. This module needs the extra `seal`.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib import import_module
from io import BytesIO
from pathlib import Path
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from infrastructure import keyfiles
from infrastructure.documents.paper import PaperError
from infrastructure.keyfiles import KeyFileError
from infrastructure.proofs.jwk import PrivateKey

FIELD: Final = "Seal"
LIFE_DAYS: Final = 5 * 365
NAME_CHARACTERS: Final = 64
"""The longest name of an organisation (RFC 5280, appendix A.1)."""
COMMON_NAME_BYTES: Final = 64
CERTIFICATE_BYTES: Final = 65_536
MAX_PDF_BYTES: Final = 64 * 2**20
_MORE: Final = "\u2026"
_MODULES: Final = (
    "asn1crypto.keys",
    "asn1crypto.x509",
    "pyhanko.pdf_utils.incremental_writer",
    "pyhanko.sign.fields",
    "pyhanko.sign.signers",
    "pyhanko_certvalidator.registry",
)


@dataclass(frozen=True, slots=True)
class SealKey:
    """A P-256 key and the certificate that names whose it is."""

    key: PrivateKey
    certificate: x509.Certificate

    @classmethod
    def load(cls, path: Path) -> "SealKey":
        """Read a key file, and the certificate (`.crt`, PEM) beside it.

        Raises:
            KeyFileError: the key file must not be used.
            PaperError: ``seal_unusable``: no certificate, or not this key's.
        """
        key = keyfiles.load_private_key(path)
        try:
            with certificate_path(path).open("rb") as file:
                certificate = x509.load_pem_x509_certificate(file.read(CERTIFICATE_BYTES))
        except (OSError, ValueError) as error:
            raise PaperError("seal_unusable", type(error).__name__) from None
        if certificate.public_key() != key.public_key():
            raise PaperError("seal_unusable", "the certificate is another key's")
        return cls(key, certificate)


def certificate_path(key: Path) -> Path:
    """Where the certificate of a key file is."""
    return key.with_suffix(".crt")


def create(path: Path, name: str, *, now: datetime | None = None) -> SealKey:
    """Make a seal's key and a certificate that it signs itself, for an organisation's `name`.

    Raises:
        KeyFileError: ``key_file_exists``.
        PaperError: ``seal_name_unusable``; nothing is written then.
    """
    beside = certificate_path(path)
    if beside.exists():
        raise KeyFileError("key_file_exists", beside)
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _subject(name)
    begins = now or datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins - timedelta(minutes=5))
        .not_valid_after(begins + timedelta(days=LIFE_DAYS))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(), critical=True)
        .sign(key, hashes.SHA256())
    )
    keyfiles.create_private_key(path, key)
    keyfiles.write_durably(beside, certificate.public_bytes(serialization.Encoding.PEM))
    return SealKey(key, certificate)


def _subject(name: str) -> x509.Name:
    """Whose seal it is: in full as an organisation, and as far as it fits as what readers show.

    Raises:
        PaperError: ``seal_name_unusable``.
    """
    if not name.strip() or len(name) > NAME_CHARACTERS:
        raise PaperError("seal_name_unusable", f"a name of at most {NAME_CHARACTERS} letters")
    try:
        # The library counts bytes there, and an Arabic letter has two.
        short = name.encode()
    except UnicodeEncodeError:
        raise PaperError("seal_name_unusable", "text in UTF-8 is expected") from None
    common = name
    if len(short) > COMMON_NAME_BYTES:
        room = COMMON_NAME_BYTES - len(_MORE.encode())
        common = short[:room].decode(errors="ignore").rstrip() + _MORE
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "IQ"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, name),
            x509.NameAttribute(NameOID.COMMON_NAME, common),
        ]
    )


def _usage() -> x509.KeyUsage:
    others = dict.fromkeys(
        (
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
            "key_cert_sign",
            "crl_sign",
            "encipher_only",
            "decipher_only",
        ),
        False,
    )
    return x509.KeyUsage(digital_signature=True, content_commitment=True, **others)


def seal(pdf: bytes, key: SealKey) -> bytes:
    """The PDF with an invisible seal behind it.

    Raises:
        PaperError: ``seal_unavailable``, ``seal_unusable``.
    """
    extra = _extra()
    if len(pdf) > MAX_PDF_BYTES:
        raise PaperError("seal_unusable", f"at most {MAX_PDF_BYTES} bytes")
    pkcs8 = key.key.private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    signer = extra["pyhanko.sign.signers"].SimpleSigner(
        signing_cert=extra["asn1crypto.x509"].Certificate.load(
            key.certificate.public_bytes(serialization.Encoding.DER)
        ),
        signing_key=extra["asn1crypto.keys"].PrivateKeyInfo.load(pkcs8),
        cert_registry=extra["pyhanko_certvalidator.registry"].SimpleCertificateStore(),
    )
    said = extra["pyhanko.sign.signers"].PdfSignatureMetadata(
        field_name=FIELD,
        md_algorithm="sha256",
        subfilter=extra["pyhanko.sign.fields"].SigSeedSubFilter.PADES,
    )
    writer = extra["pyhanko.pdf_utils.incremental_writer"].IncrementalPdfFileWriter(BytesIO(pdf))
    sealed = extra["pyhanko.sign.signers"].sign_pdf(writer, said, signer=signer)
    return bytes(sealed.getvalue())


def _extra() -> dict[str, Any]:
    """The modules of the extra, which an installation may lack."""
    try:
        return {name: import_module(name) for name in _MODULES}
    except ImportError:
        raise PaperError("seal_unavailable", "the extra named seal is not installed") from None
