-- T5, T6, T7: ends attempts under the guard G. p_end per element:
--   completed   the whole range is settled (else the answer is "unsettled" and nothing is changed)
--   retry       an error: tries + 1, pending after p_delay, or failed when the tries are used up
--   handed_back not counted: budget, slice over, shutdown; pending after p_delay
--   failed      no retry can help
--   outcome: completed | pending | failed | refused | unsettled
CREATE FUNCTION finish_executions(
  p_ids uuid[], p_fences bigint[], p_ends text[], p_delays_ms double precision[], p_codes text[], p_messages text[]
) RETURNS TABLE (execution_id uuid, outcome text, wait_ms double precision)
LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
#variable_conflict use_column
DECLARE
  x record; e backfill_state_persistent; c series_coverage; s tracked_series;
  -- A variable: a constant would let an index by status look as good as the key while the table is small.
  v_in_progress text := 'in_progress';
BEGIN
  FOR x IN
    SELECT u.*, b.series_id AS sid
    FROM unnest(p_ids, p_fences, p_ends, p_delays_ms, p_codes, p_messages) AS u(id, fence, ending, delay, code, message)
    LEFT JOIN backfill_state_persistent b ON b.execution_id = u.id
    ORDER BY b.series_id, u.id
  LOOP
    execution_id := x.id; wait_ms := 0;
    SELECT * INTO e FROM backfill_state_persistent b
      WHERE b.execution_id = x.id AND b.status = v_in_progress AND b.fence = x.fence FOR UPDATE;
    IF NOT FOUND THEN outcome := 'refused'; RETURN NEXT; CONTINUE; END IF;
    IF x.ending = 'completed' THEN
      SELECT * INTO c FROM series_coverage k WHERE k.series_id = e.series_id;
      SELECT * INTO s FROM tracked_series t WHERE t.series_id = e.series_id;
      IF NOT isempty(tstzmultirange(e.range) * tstzmultirange(tstzrange(s.wanted_from, s.wanted_to)) - settled_of(c)
                     + e.reread) THEN
        outcome := 'unsettled'; RETURN NEXT; CONTINUE;
      END IF;
      UPDATE backfill_state_persistent b SET status = 'completed', worker_id = null, completed_at = clock_timestamp(),
        outcome = 'stored', error_code = null, error_message = null WHERE b.execution_id = x.id;
      PERFORM note_success(ARRAY[e.series_id]);
      outcome := 'completed';
    ELSIF x.ending = 'failed' OR (x.ending = 'retry' AND e.tries + 1 >= e.max_retries) THEN
      PERFORM record_attempt(e, 'failed', x.code, x.message);
      PERFORM fail_row(e, x.code, x.message);
      outcome := 'failed';
    ELSE
      PERFORM record_attempt(e, CASE x.ending WHEN 'retry' THEN 'failed' ELSE 'handed_back' END, x.code, x.message);
      UPDATE backfill_state_persistent b SET status = 'pending', worker_id = null,
        pending_reason = CASE x.ending WHEN 'retry' THEN 'retry' ELSE 'handed_back' END,
        tries = b.tries + (x.ending = 'retry')::int,
        not_before = clock_timestamp() + x.delay * interval '1 millisecond',
        error_code = x.code, error_message = x.message
        WHERE b.execution_id = x.id;
      outcome := 'pending'; wait_ms := x.delay;
    END IF;
    RETURN NEXT;
  END LOOP;
END $$;
--> statement-breakpoint
CREATE FUNCTION record_attempt(e backfill_state_persistent, p_outcome text, p_code text, p_message text)
RETURNS void LANGUAGE sql AS $$
  INSERT INTO execution_attempts (execution_id, fence, worker_id, started_at, outcome, error_code, error_message)
  VALUES (e.execution_id, e.fence, e.worker_id, e.started_at, p_outcome, p_code, p_message);
$$;
--> statement-breakpoint
-- T7: failed for good, with the streak in the same statement. The planner leaves the stretch alone for 1 hour, then
-- twice as long with each earlier failure on it, 24 hours at most. Tails come again by themselves: they do not count.
CREATE FUNCTION fail_row(e backfill_state_persistent, p_code text, p_message text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE v_before int := (SELECT count(*) FROM backfill_state_persistent o WHERE o.series_id = e.series_id
  AND o.status = 'failed' AND o.kind <> 'tail' AND e.kind <> 'tail' AND o.range && e.range);
BEGIN
  INSERT INTO symbol_failure_tracking AS f (series_id, provider, symbol, streak, last_failure_at, error_code, error_message)
    SELECT e.series_id, s.provider, s.symbol, 1, clock_timestamp(), p_code, p_message
    FROM series s WHERE s.series_id = e.series_id
    ON CONFLICT (series_id) DO UPDATE SET streak = f.streak + 1, last_failure_at = clock_timestamp(),
      error_code = excluded.error_code, error_message = excluded.error_message;
  UPDATE backfill_state_persistent SET status = 'failed', worker_id = null, completed_at = clock_timestamp(),
    tries = tries + 1, error_code = p_code, error_message = p_message,
    replan_after = clock_timestamp() + least(interval '24 hours', interval '1 hour' * 2 ^ least(v_before, 5))
    WHERE execution_id = e.execution_id;
END $$;
