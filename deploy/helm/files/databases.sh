#!/bin/sh
# Run once, by the entry point of Postgres's image, when the volume is still empty. The owner of the databases migrates them and
# creates the services' roles; it is no superuser.
set -eu
psql --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres <<'SQL'
\set password `cat /secrets/owner-password`
CREATE ROLE orders_owner LOGIN CREATEROLE PASSWORD :'password';
CREATE DATABASE orders OWNER orders_owner;
CREATE DATABASE order_views OWNER orders_owner;
SQL
