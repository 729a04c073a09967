-- The values of an order are gone once it is closed. Rows that are there are looked at in 0004: to
-- look at them now would hold the table up.
ALTER TABLE ledger.pending
    ADD CONSTRAINT closed_holds_nothing CHECK (state = 'open' OR sealed_body = '') NOT VALID;
