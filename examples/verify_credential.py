"""Verify what a certificate's QR code says: `verify_credential.py TRUST.json QR-TEXT`.

TRUST.json is what `GET /v1/trust` answers. It proves who signed; whether the certificate is in
force is another question: ask `GET /v1/verify/CODE`, or a status list.
"""

import base64
import json
import sys
import zlib
from pathlib import Path

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, utils
from cryptography.hazmat.primitives.hashes import SHA256

ZLIB = 0x78


def b64(text: str) -> bytes:
    """Base64url without padding."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


trust, text = json.loads(Path(sys.argv[1]).read_text())["content"], sys.argv[2]
payload = text.partition("#")[2]
data = base64.b32decode(payload + "=" * (-len(payload) % 8))
data = zlib.decompressobj().decompress(data, 1024) if data[0] == ZLIB else data
protected, _, claims, signature = cbor2.loads(data).value
said, kid = cbor2.loads(claims), cbor2.loads(protected)[4]
signed = cbor2.dumps(["Signature1", protected, b"", claims])
# Who follows a body that was merged or split signs in its name.
heirs = (agency.get("heirs", ()) for agency in trust["agencies"] if agency["id"] == said[1])
bodies = {said[1], *(heir["agency"] for one in heirs for heir in one)}
for key in trust["keys"]:
    if key["agency"] not in bodies or b64(key["thumbprint"])[:8] != kid or "void_from" in key:
        continue
    x, y = b64(key["jwk"]["x"]), key["jwk"].get("y")
    if y is None:
        ed25519.Ed25519PublicKey.from_public_bytes(x).verify(signature, signed)
    else:
        point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), b"\4" + x + b64(y))
        r, s = (int.from_bytes(half, "big") for half in (signature[:32], signature[32:]))
        point.verify(utils.encode_dss_signature(r, s), signed, ec.ECDSA(SHA256()))
    print(f"signed by {key['agency']}, key {key['thumbprint']}:", said[-65537])
    break
else:
    sys.exit("nobody that the trust list knows signed this")
