-- Entries are only ever added: a correction is a further entry.
CREATE TRIGGER posting_never_updated BEFORE UPDATE ON posting
BEGIN
    SELECT RAISE(ABORT, 'posting is append-only: correct by a further row');
END;

CREATE TRIGGER posting_never_deleted BEFORE DELETE ON posting
BEGIN
    SELECT RAISE(ABORT, 'posting is append-only: correct by a further row');
END;

CREATE TRIGGER batch_never_updated BEFORE UPDATE ON batch
BEGIN
    SELECT RAISE(ABORT, 'batch is append-only: correct by a further row');
END;

CREATE TRIGGER batch_never_deleted BEFORE DELETE ON batch
BEGIN
    SELECT RAISE(ABORT, 'batch is append-only: correct by a further row');
END;

CREATE TRIGGER entry_never_updated BEFORE UPDATE ON entry
BEGIN
    SELECT RAISE(ABORT, 'entry is append-only: correct by a further row');
END;

CREATE TRIGGER entry_never_deleted BEFORE DELETE ON entry
BEGIN
    SELECT RAISE(ABORT, 'entry is append-only: correct by a further row');
END;

CREATE TRIGGER account_state_never_updated BEFORE UPDATE ON account_state
BEGIN
    SELECT RAISE(ABORT, 'account_state is append-only: correct by a further row');
END;

CREATE TRIGGER account_state_never_deleted BEFORE DELETE ON account_state
BEGIN
    SELECT RAISE(ABORT, 'account_state is append-only: correct by a further row');
END;

CREATE TRIGGER audit_never_updated BEFORE UPDATE ON audit
BEGIN
    SELECT RAISE(ABORT, 'audit is append-only: correct by a further row');
END;

CREATE TRIGGER audit_never_deleted BEFORE DELETE ON audit
BEGIN
    SELECT RAISE(ABORT, 'audit is append-only: correct by a further row');
END;

-- ledger_sqlite.APPLICATION_ID
PRAGMA application_id = 1380797511;
