-- The relay's replicas elect their leader here, unless they use Kubernetes Leases.
GRANT SELECT, INSERT, UPDATE ON leader_lease TO outbox_relay;
