"""Attachments: files that stay outside the log, sealed, addressed by their ciphertext.

`sealing` is the format, `stores` is where objects lie, `records` is what the database knows of
them. None of it may judge who may see a file.
"""
