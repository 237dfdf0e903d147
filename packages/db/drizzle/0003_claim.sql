-- T2 and T3: takes executions for a worker, or says why not. A batch takes the advisory locks of its series first, in one
-- order, then looks at all elements at once. A tail's row is written here, only if it gets its stretch.
-- Its plans are made once, perhaps while the tables are still empty: without sequential scans they stay right as they grow.
--   outcome: claimed | nothing_missing | held | not_yet | no_lease | completed | failed | cancelled | gone
CREATE FUNCTION claim_executions(
  p_worker uuid, p_ids uuid[],
  -- per element; null for executions that are no tail: series, slot, the newest closed candles, what is read again
  p_tail_series int[], p_tail_slot double precision[], p_tail_from double precision[], p_tail_to double precision[],
  p_tail_reread double precision[], p_max_tries int
) RETURNS TABLE (execution_id uuid, outcome text, wait_ms double precision, fence bigint, series_id int, kind text,
  range_from double precision, range_to double precision, todo jsonb, tries int, origin text)
LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan
  SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
#variable_conflict use_column
DECLARE
  -- A variable: a constant would let an index by status look as good as the key while the table is small.
  v_pending text := 'pending';
  x record; e backfill_state_persistent; v_missing tstzmultirange; v_reread tstzmultirange; v_now timestamptz;
  -- What this batch has taken so far of the series in hand.
  v_series int; v_taken tstzmultirange; v_last uuid; v_succeeded int[] := '{}';
  -- Tails' new rows: written at the end, in one statement.
  n_id uuid[]; n_series int[]; n_symbol text[]; n_class text[]; n_timeframe text[]; n_slot double precision[];
  n_range tstzrange[]; n_reread tstzmultirange[]; n_busy boolean[];
  v_lease boolean := EXISTS (SELECT 1 FROM workers w WHERE w.worker_id = p_worker AND w.lease_until > clock_timestamp());
BEGIN
  PERFORM pg_advisory_xact_lock(4242, q.sid) FROM (
    SELECT DISTINCT coalesce(b.series_id, u.sid) AS sid FROM unnest(p_ids, p_tail_series) AS u(id, sid)
    LEFT JOIN backfill_state_persistent b ON b.execution_id = u.id WHERE v_lease ORDER BY 1) q WHERE q.sid IS NOT NULL;
  v_now := clock_timestamp();
  FOR x IN
    SELECT u.*, coalesce(b.series_id, u.tail_series) AS sid, b.execution_id IS NOT NULL AS is_known, b.status, b.not_before,
      b.reread AS row_reread, r.range, t.series_id IS NOT NULL AS is_active, t.symbol, t.asset_class, t.timeframe, t.origin,
      tstzmultirange(tstzrange(t.wanted_from, t.wanted_to)) AS wanted, settled_of(c) AS settled,
      EXISTS (SELECT 1 FROM backfill_state_persistent o WHERE o.series_id = coalesce(b.series_id, u.tail_series)
        AND o.status = 'in_progress' AND o.range && r.range) AS is_held
    FROM unnest(p_ids, p_tail_series, p_tail_slot, p_tail_from, p_tail_to, p_tail_reread)
      AS u(id, tail_series, slot, tail_from, tail_to, tail_reread)
    LEFT JOIN backfill_state_persistent b ON b.execution_id = u.id
    LEFT JOIN tracked_series t ON t.series_id = coalesce(b.series_id, u.tail_series) AND t.active
    LEFT JOIN series_coverage c ON c.series_id = coalesce(b.series_id, u.tail_series)
    CROSS JOIN LATERAL (SELECT coalesce(b.range, tstzrange(from_ms(u.tail_from), from_ms(u.tail_to))
      * tstzrange(t.wanted_from, t.wanted_to)) AS range) r
    ORDER BY 7, 1
  LOOP
    execution_id := x.id; series_id := x.sid; wait_ms := 0; fence := null; kind := null; todo := null;
    range_from := null; range_to := null; tries := null; origin := null;
    IF x.sid IS DISTINCT FROM v_series THEN v_series := x.sid; v_taken := '{}'; END IF;
    outcome := CASE
      WHEN NOT v_lease THEN 'no_lease'
      WHEN x.sid IS NULL THEN 'gone'
      -- The same twice in one batch: the first has it.
      WHEN x.id = v_last THEN 'held'
      WHEN x.status IN ('completed', 'failed', 'cancelled') THEN x.status
      WHEN x.status = 'in_progress' THEN 'held'
      WHEN x.not_before > v_now THEN 'not_yet'
      WHEN NOT x.is_active THEN CASE WHEN x.is_known THEN 'cancelled' ELSE 'gone' END
      WHEN NOT x.is_known AND from_ms(x.tail_to) > v_now THEN 'not_yet'
      -- The series has ended: nothing of it is fresh any more.
      WHEN isempty(x.range) THEN 'gone'
      WHEN x.is_held OR x.range && v_taken THEN 'held'
    END;
    v_last := x.id;
    IF outcome IS NOT NULL THEN
      IF outcome = 'not_yet' THEN
        wait_ms := CASE WHEN x.is_known THEN to_ms(x.not_before) ELSE x.tail_to END - to_ms(v_now);
      ELSIF outcome = 'cancelled' AND x.status = 'pending' THEN
        PERFORM cancel_rows(ARRAY[x.id], false);
      END IF;
      RETURN NEXT; CONTINUE;
    END IF;

    v_missing := tstzmultirange(x.range) * x.wanted - x.settled;
    v_reread := coalesce(x.row_reread, '{}');
    IF NOT x.is_known AND NOT isempty(v_missing) THEN
      v_reread := tstzmultirange(x.range) * tstzmultirange(tstzrange(least(from_ms(x.tail_reread), upper(x.range)), upper(x.range)));
    END IF;
    outcome := CASE WHEN isempty(v_missing + v_reread) THEN 'nothing_missing' ELSE 'claimed' END;
    IF NOT x.is_known THEN
      n_id := array_append(n_id, x.id); n_series := array_append(n_series, x.sid);
      n_symbol := array_append(n_symbol, x.symbol); n_class := array_append(n_class, x.asset_class);
      n_timeframe := array_append(n_timeframe, x.timeframe); n_slot := array_append(n_slot, x.slot);
      n_range := array_append(n_range, x.range); n_reread := array_append(n_reread, v_reread);
      n_busy := array_append(n_busy, outcome = 'claimed');
      fence := 1; kind := 'tail'; tries := 0;
    ELSE
      IF outcome = 'claimed' THEN
        UPDATE backfill_state_persistent b SET status = 'in_progress', pending_reason = null, worker_id = p_worker,
          fence = b.fence + 1, started_at = v_now, heartbeat_at = v_now
        WHERE b.execution_id = x.id AND b.status = v_pending RETURNING b.* INTO e;
      ELSE
        UPDATE backfill_state_persistent b SET status = 'completed', outcome = 'nothing_missing', pending_reason = null,
          completed_at = v_now, started_at = coalesce(b.started_at, v_now), error_code = null, error_message = null
        WHERE b.execution_id = x.id AND b.status = v_pending RETURNING b.* INTO e;
      END IF;
      -- A person cancelled it between our look and our update.
      IF e.execution_id IS NULL THEN outcome := 'cancelled'; RETURN NEXT; CONTINUE; END IF;
      fence := e.fence; kind := e.kind; tries := e.tries;
    END IF;
    IF outcome = 'claimed' THEN v_taken := v_taken + tstzmultirange(x.range);
    ELSE v_succeeded := array_append(v_succeeded, x.sid); END IF;
    origin := x.origin; range_from := to_ms(lower(x.range)); range_to := to_ms(upper(x.range));
    todo := ranges_to_ms(v_missing + v_reread);
    RETURN NEXT;
  END LOOP;

  IF n_id IS NOT NULL THEN
    INSERT INTO backfill_state_persistent (execution_id, series_id, symbol, asset_class, timeframe, kind, slot, range,
      reread, status, outcome, job_id, worker_id, fence, started_at, heartbeat_at, completed_at, max_retries)
    SELECT n.id, n.series, n.symbol, n.class, n.timeframe, 'tail', from_ms(n.slot), n.range, n.reread,
      CASE WHEN n.busy THEN 'in_progress' ELSE 'completed' END, CASE WHEN NOT n.busy THEN 'nothing_missing' END,
      n.id::text, CASE WHEN n.busy THEN p_worker END, 1, v_now, v_now, CASE WHEN NOT n.busy THEN v_now END, p_max_tries
    FROM unnest(n_id, n_series, n_symbol, n_class, n_timeframe, n_slot, n_range, n_reread, n_busy)
      AS n(id, series, symbol, class, timeframe, slot, range, reread, busy);
  END IF;
  IF v_succeeded <> '{}' THEN PERFORM note_success(v_succeeded); END IF;
END $$;
--> statement-breakpoint
-- A success ends the series' failure streak. Most series have none: then this reads an index entry each.
CREATE FUNCTION note_success(p_series int[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  UPDATE symbol_failure_tracking f SET streak = 0, last_success_at = clock_timestamp()
  FROM (SELECT t.series_id FROM symbol_failure_tracking t WHERE t.series_id = ANY (p_series) AND t.streak > 0
    ORDER BY t.series_id FOR UPDATE) l
  WHERE f.series_id = l.series_id;
END $$;
