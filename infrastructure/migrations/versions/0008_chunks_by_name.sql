-- Uploads go on meanwhile but for the moment in which it is made; appends do not touch the table.
CREATE INDEX attachment_chunks_by_name ON vault.attachment_chunks (name);
