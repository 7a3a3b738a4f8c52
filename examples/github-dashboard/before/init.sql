CREATE SCHEMA github;
ALTER DATABASE github SET search_path TO github, public;
