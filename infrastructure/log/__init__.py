"""The log: recorder, committer, reader, follower and sealer over one append procedure."""
