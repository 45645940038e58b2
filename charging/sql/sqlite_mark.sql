-- ledger_sqlite.APPLICATION_ID and ledger_schema.LAYOUT
PRAGMA application_id = 1380797511;
PRAGMA user_version = 1;
