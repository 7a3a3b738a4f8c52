-- As `pg_dump --data-only --inserts --table=emails` writes it.
INSERT INTO emails (id, subject, body) VALUES
    (101, 'Invoice for the rocket', 'Please pay for the rocket until Friday.'),
    (102, 'Picnic on Sunday', 'We meet at the lake, bring some cake.')
ON CONFLICT DO NOTHING;
SELECT setval(pg_get_serial_sequence('emails', 'id'), max(id)) FROM emails;
