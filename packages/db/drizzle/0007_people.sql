-- T11: pending and in progress become cancelled. A person's cancellation of anything but a tail stands until a person
-- asks for the stretch or the symbol is resumed; a tail's range is still missing, so the next schedule fetches it.
CREATE FUNCTION cancel_rows(p_ids uuid[], p_by_person boolean) RETURNS uuid[] LANGUAGE plpgsql AS $$
DECLARE e backfill_state_persistent; v_cancelled uuid[] := '{}';
BEGIN
  FOR e IN SELECT * FROM backfill_state_persistent
    WHERE execution_id = ANY (p_ids) AND status IN ('pending', 'in_progress')
    ORDER BY series_id, execution_id FOR UPDATE
  LOOP
    IF e.status = 'in_progress' THEN PERFORM record_attempt(e, 'cancelled', 'cancelled', 'cancelled while it ran'); END IF;
    UPDATE backfill_state_persistent SET status = 'cancelled', pending_reason = null, worker_id = null,
      completed_at = clock_timestamp(), cancel_stands = p_by_person AND kind <> 'tail'
      WHERE execution_id = e.execution_id;
    v_cancelled := v_cancelled || e.execution_id;
  END LOOP;
  RETURN v_cancelled;
END $$;
--> statement-breakpoint
CREATE FUNCTION cancel_executions(p_ids uuid[], p_actor text) RETURNS uuid[] LANGUAGE plpgsql AS $$
DECLARE v_cancelled uuid[] := cancel_rows(p_ids, true);
BEGIN
  INSERT INTO audit_log (actor, action, subject) SELECT p_actor, 'execution.cancel', unnest(v_cancelled)::text;
  RETURN v_cancelled;
END $$;
--> statement-breakpoint
-- T10: failed → pending on the same row, before the queue is told.
CREATE FUNCTION retry_executions(p_ids uuid[], p_actor text) RETURNS uuid[] LANGUAGE plpgsql AS $$
DECLARE v_retried uuid[];
BEGIN
  WITH locked AS (
    -- Nothing would ever bring a job to a row whose symbol is no longer tracked.
    SELECT execution_id FROM backfill_state_persistent e WHERE execution_id = ANY (p_ids) AND status = 'failed'
      AND EXISTS (SELECT 1 FROM tracked_series t WHERE t.series_id = e.series_id)
    ORDER BY series_id, execution_id FOR UPDATE
  ), retried AS (
    UPDATE backfill_state_persistent e SET status = 'pending', pending_reason = 'asked_again', completed_at = null,
      not_before = clock_timestamp(), retry_count = e.retry_count + 1, last_retry_at = clock_timestamp(), tries = 0,
      crashes = 0, replan_after = null
    FROM locked l WHERE e.execution_id = l.execution_id RETURNING e.execution_id
  ), audited AS (
    INSERT INTO audit_log (actor, action, subject) SELECT p_actor, 'execution.retry', execution_id::text FROM retried
  )
  SELECT coalesce(array_agg(execution_id), '{}') INTO v_retried FROM retried;
  RETURN v_retried;
END $$;
--> statement-breakpoint
-- A person asks for a stretch: cancellations and failures on it no longer keep the planner away.
CREATE FUNCTION start_run(
  p_run uuid, p_series int, p_from double precision, p_to double precision, p_actor text, p_candles int, p_requests int
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE v_range tstzrange := tstzrange(from_ms(p_from), from_ms(p_to));
BEGIN
  INSERT INTO backfill_runs (run_id, series_id, range, requested_by, candles_estimated, requests_estimated)
    VALUES (p_run, p_series, v_range, p_actor, p_candles, p_requests);
  UPDATE series SET history_start = from_ms(p_from) WHERE series_id = p_series AND history_start > from_ms(p_from);
  UPDATE backfill_state_persistent SET cancel_stands = false, replan_after = null
    WHERE series_id = p_series AND range && v_range AND (cancel_stands OR status = 'failed');
  UPDATE unconfirmed_ranges SET due_at = clock_timestamp() WHERE series_id = p_series AND range && v_range;
  INSERT INTO audit_log (actor, action, subject, detail)
    VALUES (p_actor, 'run.start', p_run::text, jsonb_build_object('series_id', p_series, 'range', v_range::text));
  PERFORM pg_notify('candlefleet', 'watchlist');
END $$;
--> statement-breakpoint
-- Adds symbols, or further timeframes to those that are tracked, in their order; sets the bounds of the named timeframes.
CREATE FUNCTION track_symbols(p_entries jsonb, p_actor text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE e record; v_timeframes text[];
BEGIN
  FOR e IN SELECT x.entry, y.* FROM jsonb_array_elements(p_entries) WITH ORDINALITY AS x(entry, n)
    CROSS JOIN LATERAL jsonb_to_record(x.entry) AS y(provider text, symbol text, "assetClass" text, calendar text,
      "listedMs" float8, "delistedMs" float8, "historyFromMs" float8, "historyToMs" float8)
    ORDER BY x.n
  LOOP
    v_timeframes := ARRAY(SELECT jsonb_array_elements_text(e.entry -> 'timeframes'));
    INSERT INTO tracked_symbols AS t (provider, symbol, asset_class, calendar, timeframes, listed_at, delisted_at)
      VALUES (e.provider, e.symbol, e."assetClass", e.calendar, v_timeframes, from_ms(e."listedMs"), from_ms(e."delistedMs"))
      ON CONFLICT (provider, symbol) DO UPDATE SET active = true,
        timeframes = ARRAY(SELECT DISTINCT unnest(t.timeframes || excluded.timeframes)),
        listed_at = coalesce(excluded.listed_at, t.listed_at), delisted_at = coalesce(excluded.delisted_at, t.delisted_at);
    INSERT INTO series (provider, symbol, timeframe, history_start, history_end)
      SELECT e.provider, e.symbol, unnest(v_timeframes), from_ms(e."historyFromMs"), from_ms(e."historyToMs")
      ON CONFLICT (provider, symbol, timeframe) DO UPDATE
        SET history_start = excluded.history_start, history_end = excluded.history_end;
    INSERT INTO audit_log (actor, action, subject, detail)
      VALUES (p_actor, 'symbol.track', e.provider || ' ' || e.symbol, e.entry);
  END LOOP;
END $$;
