-- T2 and T3: takes executions for a worker, or says why not. One statement for a batch; elements in series order, so
-- that the advisory locks of two batches are taken in one order. A tail's row is written here, only if it gets its stretch.
-- Its plans are made once, perhaps while the tables are still empty: without sequential scans they stay right as they grow.
--   outcome: claimed | nothing_missing | held | not_yet | no_lease | completed | failed | cancelled | gone
CREATE FUNCTION claim_executions(
  p_worker uuid, p_ids uuid[],
  -- per element; null for executions that are no tail: series, slot, the newest closed candles, what is read again
  p_tail_series int[], p_tail_slot double precision[], p_tail_from double precision[], p_tail_to double precision[],
  p_tail_reread double precision[], p_max_tries int
) RETURNS TABLE (execution_id uuid, outcome text, wait_ms double precision, fence bigint, series_id int, kind text,
  range_from double precision, range_to double precision, todo jsonb, tries int, origin text)
LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
#variable_conflict use_column
DECLARE
  x record; e backfill_state_persistent; s tracked_series; c series_coverage;
  v_range tstzrange; v_missing tstzmultirange; v_reread tstzmultirange; v_now timestamptz;
  v_lease boolean := EXISTS (SELECT 1 FROM workers w WHERE w.worker_id = p_worker AND w.lease_until > clock_timestamp());
BEGIN
  FOR x IN
    SELECT u.id, coalesce(b.series_id, u.tail_series) AS sid, u.*
    FROM unnest(p_ids, p_tail_series, p_tail_slot, p_tail_from, p_tail_to, p_tail_reread)
      AS u(id, tail_series, slot, tail_from, tail_to, reread)
    LEFT JOIN backfill_state_persistent b ON b.execution_id = u.id
    ORDER BY 2, 1
  LOOP
    execution_id := x.id; series_id := x.sid; wait_ms := 0; fence := null; kind := null; todo := null;
    range_from := null; range_to := null; tries := null; origin := null;
    IF NOT v_lease THEN outcome := 'no_lease'; RETURN NEXT; CONTINUE; END IF;
    IF x.sid IS NULL THEN outcome := 'gone'; RETURN NEXT; CONTINUE; END IF;
    PERFORM pg_advisory_xact_lock(4242, x.sid);
    v_now := clock_timestamp();
    SELECT * INTO e FROM backfill_state_persistent b WHERE b.execution_id = x.id;
    IF NOT FOUND AND x.tail_series IS NULL THEN outcome := 'gone'; RETURN NEXT; CONTINUE; END IF;
    IF FOUND THEN
      IF e.status IN ('completed', 'failed', 'cancelled') THEN outcome := e.status; RETURN NEXT; CONTINUE; END IF;
      IF e.status = 'in_progress' THEN outcome := 'held'; RETURN NEXT; CONTINUE; END IF;
      IF e.not_before > v_now THEN
        outcome := 'not_yet'; wait_ms := to_ms(e.not_before) - to_ms(v_now); RETURN NEXT; CONTINUE;
      END IF;
    END IF;
    SELECT * INTO s FROM tracked_series t WHERE t.series_id = x.sid AND t.active;
    IF NOT FOUND THEN
      IF e.execution_id IS NOT NULL THEN PERFORM cancel_rows(ARRAY[x.id], false); outcome := 'cancelled';
      ELSE outcome := 'gone'; END IF;
      RETURN NEXT; CONTINUE;
    END IF;

    IF e.execution_id IS NOT NULL THEN v_range := e.range;
    ELSIF from_ms(x.tail_to) > v_now THEN
      outcome := 'not_yet'; wait_ms := x.tail_to - to_ms(v_now); RETURN NEXT; CONTINUE;
    ELSE
      v_range := tstzrange(from_ms(x.tail_from), from_ms(x.tail_to)) * tstzrange(s.wanted_from, s.wanted_to);
      -- The series has ended: nothing of it is fresh any more.
      IF isempty(v_range) THEN outcome := 'gone'; RETURN NEXT; CONTINUE; END IF;
    END IF;
    IF EXISTS (SELECT 1 FROM backfill_state_persistent o
               WHERE o.series_id = x.sid AND o.status = 'in_progress' AND o.range && v_range) THEN
      outcome := 'held'; RETURN NEXT; CONTINUE;
    END IF;

    SELECT * INTO c FROM series_coverage k WHERE k.series_id = x.sid;
    v_missing := tstzmultirange(v_range) * tstzmultirange(tstzrange(s.wanted_from, s.wanted_to)) - settled_of(c);
    v_reread := coalesce(e.reread, '{}');
    IF e.execution_id IS NULL AND NOT isempty(v_missing) THEN
      v_reread := tstzmultirange(v_range) * tstzmultirange(tstzrange(least(from_ms(x.reread), upper(v_range)), upper(v_range)));
    END IF;
    IF e.execution_id IS NULL THEN
      INSERT INTO backfill_state_persistent AS b (execution_id, series_id, symbol, asset_class, timeframe, kind, slot,
        range, reread, status, pending_reason, outcome, job_id, worker_id, fence, started_at, heartbeat_at,
        completed_at, max_retries)
      SELECT x.id, x.sid, s.symbol, s.asset_class, s.timeframe, 'tail', from_ms(x.slot), v_range, v_reread,
        CASE WHEN busy THEN 'in_progress' ELSE 'completed' END, null,
        CASE WHEN busy THEN null ELSE 'nothing_missing' END, x.id::text,
        CASE WHEN busy THEN p_worker END, 1, v_now, v_now, CASE WHEN busy THEN null ELSE v_now END, p_max_tries
      FROM (SELECT NOT isempty(v_missing) AS busy) q
      RETURNING b.* INTO e;
    ELSIF isempty(v_missing + v_reread) THEN
      UPDATE backfill_state_persistent b SET status = 'completed', outcome = 'nothing_missing', pending_reason = null,
        completed_at = v_now, started_at = coalesce(b.started_at, v_now), error_code = null, error_message = null
      WHERE b.execution_id = x.id AND b.status = 'pending' RETURNING b.* INTO e;
    ELSE
      UPDATE backfill_state_persistent b SET status = 'in_progress', pending_reason = null, worker_id = p_worker,
        fence = b.fence + 1, started_at = v_now, heartbeat_at = v_now
      WHERE b.execution_id = x.id AND b.status = 'pending' RETURNING b.* INTO e;
    END IF;
    -- A person cancelled it between our look and our update.
    IF e.execution_id IS NULL THEN outcome := 'cancelled'; RETURN NEXT; CONTINUE; END IF;
    IF e.status = 'completed' THEN PERFORM note_success(x.sid); END IF;

    outcome := CASE e.status WHEN 'completed' THEN 'nothing_missing' ELSE 'claimed' END;
    fence := e.fence; kind := e.kind; tries := e.tries; origin := s.origin;
    range_from := to_ms(lower(e.range)); range_to := to_ms(upper(e.range));
    todo := ranges_to_ms(v_missing + v_reread);
    RETURN NEXT;
  END LOOP;
END $$;
--> statement-breakpoint
-- A success ends the series' failure streak. Most series have none: then this reads one index entry.
CREATE FUNCTION note_success(p_series int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  UPDATE symbol_failure_tracking SET streak = 0, last_success_at = clock_timestamp()
  WHERE series_id = p_series AND streak > 0;
END $$;
