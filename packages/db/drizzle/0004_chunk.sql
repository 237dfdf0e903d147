-- T4 and T5: stores a chunk under the guard G (status and fence): candles, the coverage that they prove, progress, and
-- the end of the execution when its whole range is settled. One statement: a client can freeze without holding a lock.
--   outcome: stored | completed | refused (the fence is old: the worker writes nothing more) | origin (another host)
CREATE FUNCTION store_chunk(
  p_execution uuid, p_fence bigint,
  -- ascending by time, one per open time
  p_time double precision[], p_open double precision[], p_high double precision[], p_low double precision[],
  p_close double precision[], p_volume double precision[],
  p_answered tstzmultirange, p_proven tstzmultirange, p_unconfirmed tstzmultirange, p_unavailable tstzmultirange,
  p_rejected jsonb, p_requests int, p_origin text,
  OUT outcome text, OUT inserted int, OUT updated int, OUT unchanged int, OUT todo jsonb
) LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
DECLARE
  e backfill_state_persistent; c series_coverage; v_origin text;
  v_from timestamptz; v_to timestamptz; v_count int := coalesce(cardinality(p_time), 0);
  v_rejected int := coalesce(jsonb_array_length(p_rejected), 0); v_left tstzmultirange;
  v_unconfirmed tstzmultirange; v_covered tstzmultirange;
BEGIN
  inserted := 0; updated := 0; unchanged := 0;
  SELECT * INTO e FROM backfill_state_persistent
    WHERE execution_id = p_execution AND status = 'in_progress' AND fence = p_fence FOR UPDATE;
  IF NOT FOUND THEN outcome := 'refused'; RETURN; END IF;

  IF v_count > 0 THEN
    SELECT origin INTO v_origin FROM series WHERE series_id = e.series_id;
    IF v_origin IS NULL THEN
      UPDATE series SET origin = p_origin WHERE series_id = e.series_id AND origin IS NULL;
      SELECT origin INTO v_origin FROM series WHERE series_id = e.series_id;
    END IF;
    IF v_origin <> p_origin THEN outcome := 'origin'; RETURN; END IF;

    v_from := from_ms(p_time[1]); v_to := from_ms(p_time[v_count]);
    IF v_from < lower(e.range) OR v_to >= upper(e.range) THEN
      RAISE EXCEPTION 'chunk [%, %] lies outside the execution''s range %', v_from, v_to, e.range USING ERRCODE = '22023';
    END IF;
    IF EXISTS (SELECT 1 FROM market_data m WHERE m.series_id = e.series_id AND m.time BETWEEN v_from AND v_to) THEN
      SELECT m.inserted, m.updated INTO inserted, updated
        FROM merge_candles(e.series_id, p_execution, p_time, p_open, p_high, p_low, p_close, p_volume) m;
      unchanged := v_count - inserted - updated;
    ELSE
      -- Nothing is stored there yet: a plain insert costs half of one with ON CONFLICT. Should somebody store there
      -- meanwhile, the unique key fails the statement and the attempt is handed back.
      INSERT INTO market_data (series_id, time, open, high, low, close, volume)
        SELECT e.series_id, to_timestamp(unnest(p_time) / 1000.0), unnest(p_open), unnest(p_high), unnest(p_low),
          unnest(p_close), unnest(p_volume);
      inserted := v_count;
    END IF;
  END IF;
  IF v_rejected > 0 THEN
    INSERT INTO rejected_candles (series_id, execution_id, time, raw, reason)
      SELECT e.series_id, p_execution, from_ms((r ->> 'openMs')::double precision), r -> 'raw', r ->> 'reason'
      FROM jsonb_array_elements(p_rejected) r;
  END IF;

  SELECT * INTO c FROM series_coverage WHERE series_id = e.series_id FOR UPDATE;
  v_covered := c.covered + p_proven;
  v_unconfirmed := '{}';
  IF NOT (isempty(c.unconfirmed) AND isempty(p_unconfirmed)) THEN
    SELECT u.unconfirmed, v_covered + u.agreed INTO v_unconfirmed, v_covered FROM note_unconfirmed(
      e.series_id, p_unconfirmed, v_covered + c.unavailable + p_unavailable, greatest(c.last_candle, v_to)) u;
  END IF;
  UPDATE series_coverage SET
    covered = v_covered, unconfirmed = v_unconfirmed,
    unavailable = CASE WHEN isempty(p_unavailable) THEN c.unavailable ELSE c.unavailable + p_unavailable - p_proven END,
    last_candle = greatest(c.last_candle, v_to),
    candle_count = c.candle_count + inserted
    WHERE series_id = e.series_id RETURNING * INTO c;

  SELECT tstzmultirange(e.range) * tstzmultirange(tstzrange(t.wanted_from, t.wanted_to)) - settled_of(c)
    + (e.reread - p_answered)
    INTO v_left FROM tracked_series t WHERE t.series_id = e.series_id;
  v_left := coalesce(v_left, '{}');
  todo := ranges_to_ms(v_left);
  outcome := CASE WHEN isempty(v_left) THEN 'completed' ELSE 'stored' END;
  UPDATE backfill_state_persistent SET
    reread = e.reread - p_answered, crashes = 0, heartbeat_at = clock_timestamp(),
    records_inserted = e.records_inserted + inserted, records_updated = e.records_updated + updated,
    records_rejected = e.records_rejected + v_rejected, requests = e.requests + p_requests,
    status = CASE store_chunk.outcome WHEN 'completed' THEN 'completed' ELSE 'in_progress' END,
    outcome = CASE store_chunk.outcome WHEN 'completed' THEN 'stored' END,
    worker_id = CASE store_chunk.outcome WHEN 'completed' THEN null ELSE e.worker_id END,
    completed_at = CASE store_chunk.outcome WHEN 'completed' THEN clock_timestamp() END,
    error_code = CASE store_chunk.outcome WHEN 'completed' THEN null ELSE e.error_code END,
    error_message = CASE store_chunk.outcome WHEN 'completed' THEN null ELSE e.error_message END
    WHERE execution_id = p_execution;
  IF outcome = 'completed' THEN
    PERFORM note_success(e.series_id);
    -- The planner may have more for this series.
    IF e.kind <> 'tail' THEN PERFORM pg_notify('candlefleet', 'backlog'); END IF;
  END IF;
END $$;
--> statement-breakpoint
-- Several small chunks in one statement: each as store_chunk alone, in series order, so that two batches lock in one order.
-- Candles are laid end to end; p_counts says how many each chunk has. Either all take effect or, with an error, none.
CREATE FUNCTION store_chunks(
  p_executions uuid[], p_fences bigint[], p_counts int[],
  p_time double precision[], p_open double precision[], p_high double precision[], p_low double precision[],
  p_close double precision[], p_volume double precision[],
  p_answered tstzmultirange[], p_proven tstzmultirange[], p_unconfirmed tstzmultirange[], p_unavailable tstzmultirange[],
  p_rejected jsonb, p_requests int[], p_origins text[]
) RETURNS TABLE (ordinal int, outcome text, inserted int, updated int, unchanged int, todo jsonb)
LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
#variable_conflict use_column
DECLARE x record; v_from int[]; v_to int;
BEGIN
  SELECT array_agg(before ORDER BY n) INTO v_from
    FROM (SELECT n, sum(c) OVER (ORDER BY n) - c AS before FROM unnest(p_counts) WITH ORDINALITY AS u(c, n)) q;
  FOR x IN
    SELECT u.n::int AS n, u.id FROM unnest(p_executions) WITH ORDINALITY AS u(id, n)
    LEFT JOIN backfill_state_persistent b ON b.execution_id = u.id ORDER BY b.series_id, u.id
  LOOP
    v_to := v_from[x.n] + p_counts[x.n];
    RETURN QUERY SELECT x.n, c.outcome, c.inserted, c.updated, c.unchanged, c.todo FROM store_chunk(x.id, p_fences[x.n],
      p_time[v_from[x.n] + 1 : v_to], p_open[v_from[x.n] + 1 : v_to], p_high[v_from[x.n] + 1 : v_to],
      p_low[v_from[x.n] + 1 : v_to], p_close[v_from[x.n] + 1 : v_to], p_volume[v_from[x.n] + 1 : v_to],
      p_answered[x.n], p_proven[x.n], p_unconfirmed[x.n], p_unavailable[x.n],
      p_rejected -> (x.n - 1), p_requests[x.n], p_origins[x.n]) c;
  END LOOP;
END $$;
--> statement-breakpoint
-- What two answers did not agree on is asked again after 1 minute, then 2, 4 … 24 hours at most, each stretch by its
-- own count. Where a third request on its own still shows nothing, and later candles are there, nothing it is.
CREATE FUNCTION note_unconfirmed(
  p_series int, p_unconfirmed tstzmultirange, p_settled tstzmultirange, p_last_candle timestamptz,
  OUT unconfirmed tstzmultirange, OUT agreed tstzmultirange
) LANGUAGE plpgsql AS $$
DECLARE v_again tstzmultirange := p_unconfirmed - p_settled;
BEGIN
  WITH old AS (
    DELETE FROM unconfirmed_ranges u WHERE u.series_id = p_series AND u.range && (v_again + p_settled) RETURNING u.*
  ), again AS (
    SELECT unnest(tstzmultirange(o.range) * v_again) AS range, o.asks + 1 AS asks FROM old o
  ), over AS (
    SELECT range_agg(range) AS ranges FROM again WHERE asks >= 3 AND upper(range) <= p_last_candle
  ), kept AS (
    INSERT INTO unconfirmed_ranges (series_id, range, asks, due_at)
    SELECT p_series, unnest(tstzmultirange(o.range) - v_again - p_settled), o.asks, o.due_at FROM old o
    UNION ALL
    SELECT p_series, unnest(tstzmultirange(a.range) - coalesce(over.ranges, '{}')), a.asks,
      clock_timestamp() + least(interval '24 hours', interval '1 minute' * 2 ^ least(a.asks - 1, 11)) FROM again a, over
    UNION ALL
    SELECT p_series, unnest(v_again - coalesce((SELECT range_agg(o.range) FROM old o), '{}')), 1,
      clock_timestamp() + interval '1 minute'
  )
  SELECT coalesce(ranges, '{}') INTO agreed FROM over;
  SELECT coalesce(range_agg(u.range), '{}') INTO unconfirmed FROM unconfirmed_ranges u WHERE u.series_id = p_series;
END $$;
--> statement-breakpoint
-- Candles of which some may be stored already: new ones are inserted, differing ones (bitwise) become revisions.
CREATE FUNCTION merge_candles(
  p_series int, p_execution uuid, p_time double precision[], p_open double precision[], p_high double precision[],
  p_low double precision[], p_close double precision[], p_volume double precision[], OUT inserted int, OUT updated int
) LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
BEGIN
  WITH incoming AS (
    SELECT to_timestamp(unnest(p_time) / 1000.0) AS time, unnest(p_open) AS open, unnest(p_high) AS high,
      unnest(p_low) AS low, unnest(p_close) AS close, unnest(p_volume) AS volume
  ), changed AS (
    SELECT i.*, m.open AS old_open, m.high AS old_high, m.low AS old_low, m.close AS old_close, m.volume AS old_volume
    FROM incoming i JOIN market_data m ON m.series_id = p_series AND m.time = i.time
    WHERE (float8send(m.open), float8send(m.high), float8send(m.low), float8send(m.close), float8send(m.volume))
       <> (float8send(i.open), float8send(i.high), float8send(i.low), float8send(i.close), float8send(i.volume))
  ), kept AS (
    INSERT INTO candle_revisions (series_id, time, execution_id, old_open, old_high, old_low, old_close, old_volume,
      new_open, new_high, new_low, new_close, new_volume)
    SELECT p_series, time, p_execution, old_open, old_high, old_low, old_close, old_volume, open, high, low, close,
      volume FROM changed
  )
  UPDATE market_data m SET open = x.open, high = x.high, low = x.low, close = x.close, volume = x.volume
    FROM changed x WHERE m.series_id = p_series AND m.time = x.time;
  GET DIAGNOSTICS updated = ROW_COUNT;
  INSERT INTO market_data (series_id, time, open, high, low, close, volume)
    SELECT p_series, to_timestamp(unnest(p_time) / 1000.0), unnest(p_open), unnest(p_high), unnest(p_low),
      unnest(p_close), unnest(p_volume)
    ON CONFLICT DO NOTHING;
  GET DIAGNOSTICS inserted = ROW_COUNT;
END $$;
