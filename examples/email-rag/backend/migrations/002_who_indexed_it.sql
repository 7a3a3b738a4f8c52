ALTER TABLE emails ADD COLUMN worker text
