-- Run once by the entry point of Postgres's image, when the volume is still empty (docker-compose.yml). The owner of the databases
-- migrates them and creates the services' roles; it is no superuser.
CREATE ROLE orders_owner LOGIN CREATEROLE PASSWORD 'orders_owner';
CREATE DATABASE orders OWNER orders_owner;
CREATE DATABASE order_views OWNER orders_owner;
