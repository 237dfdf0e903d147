-- T9: renews a worker's lease, and hands back what it holds in the table but works on no longer. p_held holds every
-- execution from before its claim is sent until its last statement was answered. Returns the database's clock.
-- p_claimed_before is what the renewal before this one returned, when p_held was not yet looked at: what was claimed since
-- may be missing there, and is left to the next one. Only this clock is compared with itself, so no delay matters.
CREATE FUNCTION renew_lease(
  p_worker uuid, p_host text, p_pid int, p_version text, p_lease_ms double precision, p_held uuid[], p_queues text[],
  p_load jsonb, p_claimed_before double precision, OUT now_ms double precision, OUT released uuid[]
) LANGUAGE plpgsql AS $$
DECLARE e backfill_state_persistent;
BEGIN
  INSERT INTO workers (worker_id, host, pid, version, lease_until, queues, load)
    VALUES (p_worker, p_host, p_pid, p_version, clock_timestamp() + p_lease_ms * interval '1 millisecond', p_queues, p_load)
    ON CONFLICT (worker_id) DO UPDATE SET lease_until = excluded.lease_until, queues = excluded.queues, load = excluded.load;
  released := '{}';
  FOR e IN SELECT * FROM backfill_state_persistent
    WHERE status = 'in_progress' AND worker_id = p_worker AND execution_id <> ALL (p_held)
      AND (p_claimed_before IS NULL OR started_at < from_ms(p_claimed_before))
    ORDER BY series_id, execution_id FOR UPDATE SKIP LOCKED
  LOOP
    PERFORM record_attempt(e, 'released', 'released', 'its worker no longer works on it');
    UPDATE backfill_state_persistent SET status = 'pending', pending_reason = 'released', worker_id = null,
      not_before = clock_timestamp() WHERE execution_id = e.execution_id;
    released := released || e.execution_id;
  END LOOP;
  now_ms := to_ms(clock_timestamp());
END $$;
--> statement-breakpoint
-- T8: what belonged to a worker whose lease ran out is pending again; the third crash in a row makes it failed.
CREATE FUNCTION reap_executions(p_max_crashes int) RETURNS TABLE (execution_id uuid, outcome text)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE e backfill_state_persistent; v_message text;
BEGIN
  FOR e IN SELECT b.* FROM backfill_state_persistent b
    WHERE b.status = 'in_progress'
      AND NOT EXISTS (SELECT 1 FROM workers w WHERE w.worker_id = b.worker_id AND w.lease_until > clock_timestamp())
    ORDER BY b.series_id, b.execution_id FOR UPDATE OF b SKIP LOCKED
  LOOP
    execution_id := e.execution_id;
    v_message := format('worker %s stopped renewing its lease (crash %s of %s)', e.worker_id, e.crashes + 1, p_max_crashes);
    PERFORM record_attempt(e, 'lost', 'worker_lost', v_message);
    IF e.crashes + 1 >= p_max_crashes THEN
      UPDATE backfill_state_persistent b SET crashes = b.crashes + 1 WHERE b.execution_id = e.execution_id;
      PERFORM fail_row(e, 'poison', v_message);
      outcome := 'failed';
    ELSE
      UPDATE backfill_state_persistent b SET status = 'pending', pending_reason = 'worker_lost', worker_id = null,
        crashes = b.crashes + 1, not_before = clock_timestamp() WHERE b.execution_id = e.execution_id;
      outcome := 'pending';
    END IF;
    RETURN NEXT;
  END LOOP;
END $$;
--> statement-breakpoint
-- A process that ends cleanly gives up its lease at once.
CREATE FUNCTION end_lease(p_worker uuid) RETURNS void LANGUAGE sql AS $$
  UPDATE workers SET lease_until = least(lease_until, clock_timestamp()) WHERE worker_id = p_worker;
$$;
--> statement-breakpoint
-- T1: plans executions on stretches of a series that nothing pending or in progress has. Returns those it wrote.
CREATE FUNCTION plan_executions(
  p_series int, p_kind text, p_run uuid, p_ids uuid[], p_from double precision[], p_to double precision[], p_max_tries int
) RETURNS TABLE (execution_id uuid) LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
  PERFORM pg_advisory_xact_lock(4242, p_series);
  RETURN QUERY
  INSERT INTO backfill_state_persistent AS b (execution_id, series_id, symbol, asset_class, timeframe, kind, run_id,
    range, pending_reason, job_id, max_retries)
  SELECT u.id, s.series_id, s.symbol, s.asset_class, s.timeframe, p_kind, p_run, tstzrange(from_ms(u.f), from_ms(u.t)),
    'planned', u.id::text, p_max_tries
  FROM unnest(p_ids, p_from, p_to) AS u(id, f, t) JOIN tracked_series s ON s.series_id = p_series AND s.active
  WHERE from_ms(u.t) <= clock_timestamp() AND NOT EXISTS (
    SELECT 1 FROM backfill_state_persistent o
    WHERE o.series_id = p_series AND o.status IN ('pending', 'in_progress') AND o.range && tstzrange(from_ms(u.f), from_ms(u.t)))
  ON CONFLICT DO NOTHING
  RETURNING b.execution_id;
END $$;
--> statement-breakpoint
-- Retention: removes ended executions in batches, oldest first; their totals stay per series and day.
CREATE FUNCTION prune_executions(
  p_batch int, p_tail_hours double precision, p_completed_days double precision, p_set_aside_days double precision,
  p_paused_providers text[]
) RETURNS int LANGUAGE plpgsql AS $$
DECLARE v_count int;
BEGIN
  WITH doomed AS (
    SELECT e.execution_id FROM backfill_state_persistent e
    WHERE e.completed_at IS NOT NULL AND (
        (e.status = 'completed' AND e.kind = 'tail' AND e.completed_at < clock_timestamp() - p_tail_hours * interval '1 hour')
        OR (e.status = 'completed' AND e.completed_at < clock_timestamp() - p_completed_days * interval '1 day')
        OR (e.status IN ('failed', 'cancelled') AND e.completed_at < clock_timestamp() - p_set_aside_days * interval '1 day'))
      -- A paused queue may still hold a job of it.
      AND NOT EXISTS (SELECT 1 FROM series s WHERE s.series_id = e.series_id AND s.provider = ANY (p_paused_providers))
    ORDER BY e.completed_at LIMIT p_batch FOR UPDATE SKIP LOCKED
  ), gone AS (
    DELETE FROM backfill_state_persistent e USING doomed d WHERE e.execution_id = d.execution_id RETURNING e.*
  ), totals AS (
    INSERT INTO series_activity AS a (series_id, day, completed, failed, cancelled, stored, updated, rejected, requests)
    SELECT series_id, (completed_at AT TIME ZONE 'UTC')::date,
      count(*) FILTER (WHERE status = 'completed'), count(*) FILTER (WHERE status = 'failed'),
      count(*) FILTER (WHERE status = 'cancelled'), sum(records_inserted), sum(records_updated), sum(records_rejected),
      sum(requests)
    FROM gone GROUP BY 1, 2
    ON CONFLICT (series_id, day) DO UPDATE SET completed = a.completed + excluded.completed,
      failed = a.failed + excluded.failed, cancelled = a.cancelled + excluded.cancelled,
      stored = a.stored + excluded.stored, updated = a.updated + excluded.updated,
      rejected = a.rejected + excluded.rejected, requests = a.requests + excluded.requests
    RETURNING 1
  )
  SELECT count(*) INTO v_count FROM gone, (SELECT count(*) FROM totals) t;
  RETURN v_count;
END $$;
