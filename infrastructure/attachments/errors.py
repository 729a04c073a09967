"""Why an attachment is not taken or not given."""

from domain.errors import Malformed, Refusal, Unknown


class AttachmentUnknown(Unknown, code="attachment_unknown"):
    """No attachment of this id that the caller may know of."""


class AttachmentTooLarge(Malformed, code="attachment_too_large"):
    """The file is larger than this ledger takes."""


class AttachmentTaken(Refusal, code="attachment_taken"):
    """The id names another upload already: of another file, or one that is over."""


class AttachmentComplete(Refusal, code="attachment_complete"):
    """All of it is here: nothing is added or changed any more."""


class AttachmentIncomplete(Refusal, code="attachment_incomplete"):
    """Chunks are still missing."""


class AttachmentMismatch(Malformed, code="attachment_mismatch"):
    """The chunks do not make the file whose digest was announced."""


class ChunkMalformed(Malformed, code="attachment_chunk_malformed"):
    """No chunk of this number and length belongs to the attachment."""


class AttachmentMissing(Refusal, code="attachment_missing"):
    """The statement commits to an attachment that was not uploaded before."""


class AttachmentAltered(Refusal, code="attachment_altered"):
    """What is stored is not what was uploaded: somebody changed it. An auditor finds it, too."""


class ObjectMissing(Refusal, code="attachment_object_missing"):
    """A part of the attachment is not in the store: it was lost or taken away."""


class UploadsFull(Refusal, code="uploads_full"):
    """So much was uploaded that no record names yet that the agency must use or drop some first."""

    retry_after_seconds = 3_600
