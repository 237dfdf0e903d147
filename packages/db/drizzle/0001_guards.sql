-- Needed by the exclusion constraint below: an integer and a range in one gist index.
CREATE EXTENSION IF NOT EXISTS btree_gist;
--> statement-breakpoint
-- The net below the claim's own test: two live holders of one stretch cannot exist.
ALTER TABLE backfill_state_persistent ADD CONSTRAINT bsp_one_holder
  EXCLUDE USING gist (series_id WITH =, range WITH &&) WHERE (status = 'in_progress');
--> statement-breakpoint
-- Room on the page, so that the many small updates of these rows stay in place (HOT).
ALTER TABLE series_coverage SET (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02);
--> statement-breakpoint
ALTER TABLE backfill_state_persistent SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);
--> statement-breakpoint
ALTER TABLE provider_budgets SET (fillfactor = 20, autovacuum_vacuum_threshold = 200);
--> statement-breakpoint
ALTER TABLE workers SET (fillfactor = 50);
--> statement-breakpoint
CREATE FUNCTION touch_updated_at() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.updated_at := clock_timestamp();
  RETURN NEW;
END $$;
--> statement-breakpoint
DO $$
DECLARE t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['tracked_symbols', 'series', 'series_coverage', 'backfill_state_persistent',
    'series_activity', 'backfill_runs', 'symbol_failure_tracking', 'workers', 'provider_budgets', 'provider_markets']
  LOOP
    EXECUTE format('CREATE TRIGGER touch BEFORE UPDATE ON %I FOR EACH ROW EXECUTE FUNCTION touch_updated_at()', t);
  END LOOP;
END $$;
--> statement-breakpoint
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'audit_log is append only';
END $$;
--> statement-breakpoint
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON audit_log FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
