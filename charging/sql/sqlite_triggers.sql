-- Entries are only ever added: a correction is a further entry.
CREATE TRIGGER posting_never_updated BEFORE UPDATE ON posting
BEGIN
    SELECT RAISE(ABORT, 'posting is append-only: correct by a further posting');
END;
CREATE TRIGGER posting_never_deleted BEFORE DELETE ON posting
BEGIN
    SELECT RAISE(ABORT, 'posting is append-only: correct by a further posting');
END;
CREATE TRIGGER top_up_never_updated BEFORE UPDATE ON top_up
BEGIN
    SELECT RAISE(ABORT, 'top_up is append-only: correct by a further entry');
END;
CREATE TRIGGER top_up_never_deleted BEFORE DELETE ON top_up
BEGIN
    SELECT RAISE(ABORT, 'top_up is append-only: correct by a further entry');
END;
