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
  -- A variable: a constant would let an index by status look as good as the key while the table is small.
  v_in_progress text := 'in_progress';
  e backfill_state_persistent; c series_coverage; v_origin text;
  v_from timestamptz; v_to timestamptz; v_count int := coalesce(cardinality(p_time), 0);
  v_rejected int := coalesce(jsonb_array_length(p_rejected), 0); v_left tstzmultirange;
  v_is_doubtful boolean;
BEGIN
  inserted := 0; updated := 0; unchanged := 0;
  SELECT * INTO e FROM backfill_state_persistent
    WHERE execution_id = p_execution AND status = v_in_progress AND fence = p_fence FOR UPDATE;
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
      SELECT coalesce(sum(m.inserted), 0), coalesce(sum(m.updated), 0) INTO inserted, updated
        FROM merge_candles(ARRAY[e.series_id], ARRAY[p_execution], ARRAY[1], ARRAY[v_count],
          p_time, p_open, p_high, p_low, p_close, p_volume) m;
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
  v_is_doubtful := NOT (isempty(c.unconfirmed) AND isempty(p_unconfirmed));
  UPDATE series_coverage SET
    covered = c.covered + p_proven,
    -- What is still in doubt is told below; until then it must lie apart.
    unconfirmed = c.unconfirmed - p_proven,
    unavailable = CASE WHEN isempty(p_unavailable) THEN c.unavailable ELSE c.unavailable + p_unavailable - p_proven END,
    last_candle = greatest(c.last_candle, v_to), candle_count = c.candle_count + inserted
    WHERE series_id = e.series_id RETURNING * INTO c;
  IF v_is_doubtful THEN
    PERFORM note_unconfirmed(e.series_id, p_unconfirmed);
    SELECT * INTO c FROM series_coverage WHERE series_id = e.series_id;
  END IF;

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
    PERFORM note_success(ARRAY[e.series_id]);
    -- The planner may have more for this series.
    IF e.kind <> 'tail' THEN PERFORM pg_notify('candlefleet', 'backlog'); END IF;
  END IF;
END $$;
--> statement-breakpoint
-- The same for several chunks at once, set-wise: one statement's work for all of them. (For one alone it costs a third
-- more than the function above, whose statements need no joins.) Either all take effect or, with an error, none. Batches
-- lock in one order: executions by series, then coverage by series.
-- Candles are laid end to end; p_ends says where each chunk ends. No row for a chunk: refused.
CREATE FUNCTION store_chunks(
  p_executions uuid[], p_fences bigint[], p_ends int[],
  p_time double precision[], p_open double precision[], p_high double precision[], p_low double precision[],
  p_close double precision[], p_volume double precision[],
  p_answered tstzmultirange[], p_proven tstzmultirange[], p_unconfirmed tstzmultirange[], p_unavailable tstzmultirange[],
  p_rejected jsonb, p_requests int[], p_origins text[]
) RETURNS TABLE (ordinal int, outcome text, inserted int, updated int, unchanged int, todo jsonb)
LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan
  SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
#variable_conflict use_column
DECLARE
  v_in_progress text := 'in_progress';
  x record; v_series int; v_origin text; v_rest int[]; v_later int[]; v_doubtful int[]; v_succeeded int[] := '{}';
  v_inserted int[] := array_fill(0, ARRAY[cardinality(p_executions)]); v_updated int[] := v_inserted;
  -- The chunks in hand: which of the batch, and of its execution and series what is needed below.
  h_n int[]; h_id uuid[]; h_series int[]; h_last timestamptz[]; h_wanted tstzmultirange[]; h_reread tstzmultirange[];
  -- Of these, those whose time is free, and those of which something is stored: ordinal, series, first and last candle.
  f_n int[]; f_series int[]; f_first int[]; f_last int[];
  m_n int[]; m_series int[]; m_first int[]; m_last int[]; m_id uuid[];
BEGIN
  LOOP
    v_series := null; v_later := null; f_n := null; m_n := null;
    h_n := null; h_id := null; h_series := null; h_last := null; h_wanted := null; h_reread := null;
    f_series := null; f_first := null; f_last := null; m_series := null; m_first := null; m_last := null; m_id := null;
    FOR x IN
      SELECT u.n::int AS n, b.execution_id AS id, b.series_id AS sid, b.range, b.reread, b.kind, s.origin, c.first, c.last,
        c.starts_at, c.ends_at, c.last >= c.first AS has_candles,
        c.last >= c.first AND EXISTS (SELECT 1 FROM market_data m WHERE m.series_id = b.series_id
          AND m.time BETWEEN c.starts_at AND c.ends_at) AS is_stored,
        CASE WHEN t.series_id IS NOT NULL
          THEN tstzmultirange(b.range) * tstzmultirange(tstzrange(t.wanted_from, t.wanted_to)) END AS wanted
      FROM unnest(p_executions, p_fences) WITH ORDINALITY AS u(id, fence, n)
      JOIN backfill_state_persistent b ON b.execution_id = u.id AND b.status = v_in_progress AND b.fence = u.fence
      JOIN series s ON s.series_id = b.series_id
      LEFT JOIN tracked_series t ON t.series_id = b.series_id
      CROSS JOIN LATERAL (SELECT coalesce(p_ends[u.n - 1], 0) + 1 AS first, p_ends[u.n] AS last,
        from_ms(p_time[coalesce(p_ends[u.n - 1], 0) + 1]) AS starts_at, from_ms(p_time[p_ends[u.n]]) AS ends_at) c
      WHERE v_rest IS NULL OR u.n = ANY (v_rest)
      ORDER BY b.series_id, b.execution_id, u.n FOR UPDATE OF b
    LOOP
      -- Each sees what the one before it stored: a series' second chunk waits for the next turn, its row locked.
      IF x.sid = v_series THEN v_later := array_append(v_later, x.n); CONTINUE; END IF;
      v_series := x.sid;
      IF x.has_candles THEN
        v_origin := x.origin;
        IF v_origin IS NULL THEN
          UPDATE series SET origin = p_origins[x.n] WHERE series_id = x.sid AND origin IS NULL;
          SELECT s.origin INTO v_origin FROM series s WHERE s.series_id = x.sid;
        END IF;
        IF v_origin <> p_origins[x.n] THEN
          ordinal := x.n; outcome := 'origin'; RETURN NEXT; CONTINUE;
        END IF;
        IF x.starts_at < lower(x.range) OR x.ends_at >= upper(x.range) THEN
          RAISE EXCEPTION 'chunk [%, %] lies outside the execution''s range %', x.starts_at, x.ends_at, x.range
            USING ERRCODE = '22023';
        END IF;
        IF x.is_stored THEN
          m_n := array_append(m_n, x.n); m_series := array_append(m_series, x.sid); m_id := array_append(m_id, x.id);
          m_first := array_append(m_first, x.first); m_last := array_append(m_last, x.last);
        ELSE
          f_n := array_append(f_n, x.n); f_series := array_append(f_series, x.sid);
          f_first := array_append(f_first, x.first); f_last := array_append(f_last, x.last);
          v_inserted[x.n] := x.last - x.first + 1;
        END IF;
      END IF;
      h_n := array_append(h_n, x.n); h_id := array_append(h_id, x.id); h_series := array_append(h_series, x.sid);
      h_last := array_append(h_last, CASE WHEN x.has_candles THEN x.ends_at END);
      -- Of a series that is no longer tracked nothing is wanted, and nothing read again.
      h_wanted := array_append(h_wanted, coalesce(x.wanted, '{}'));
      h_reread := array_append(h_reread, CASE WHEN x.wanted IS NULL THEN '{}' ELSE x.reread - p_answered[x.n] END);
    END LOOP;
    EXIT WHEN h_n IS NULL AND v_later IS NULL;

    IF f_n IS NOT NULL THEN
      -- Nothing is stored there yet: a plain insert costs half of one with ON CONFLICT. Should somebody store there
      -- meanwhile, the unique key fails the statement and the attempt is handed back.
      INSERT INTO market_data (series_id, time, open, high, low, close, volume)
        SELECT f.series, to_timestamp(p_time[i] / 1000.0), p_open[i], p_high[i], p_low[i], p_close[i], p_volume[i]
        FROM unnest(f_series, f_first, f_last) AS f(series, first, last), generate_series(f.first, f.last) i;
    END IF;
    IF m_n IS NOT NULL THEN
      FOR x IN SELECT * FROM merge_candles(m_series, m_id, m_first, m_last, p_time, p_open, p_high, p_low, p_close, p_volume) LOOP
        v_inserted[m_n[x.nth]] := x.inserted; v_updated[m_n[x.nth]] := x.updated;
      END LOOP;
    END IF;
    IF p_rejected IS NOT NULL THEN
      INSERT INTO rejected_candles (series_id, execution_id, time, raw, reason)
        SELECT h.series, h.id, from_ms((r ->> 'openMs')::double precision), r -> 'raw', r ->> 'reason'
        FROM unnest(h_n, h_id, h_series) AS h(n, id, series), jsonb_array_elements(p_rejected -> (h.n - 1)) r;
    END IF;

    WITH extended AS (
      UPDATE series_coverage c SET
        covered = c.covered + k.proven,
        -- What is still in doubt is told below; until then it must lie apart.
        unconfirmed = c.unconfirmed - k.proven,
        unavailable = CASE WHEN isempty(k.unavailable) THEN c.unavailable ELSE c.unavailable + k.unavailable - k.proven END,
        last_candle = greatest(c.last_candle, k.last), candle_count = c.candle_count + k.inserted
      FROM (
        SELECT l.series_id, l.unconfirmed AS old_unconfirmed, h.n, h.last, v_inserted[h.n] AS inserted,
          p_proven[h.n] AS proven, p_unavailable[h.n] AS unavailable
        FROM unnest(h_n, h_series, h_last) AS h(n, series, last) JOIN series_coverage l ON l.series_id = h.series
        ORDER BY l.series_id FOR UPDATE OF l
      ) k WHERE c.series_id = k.series_id RETURNING k.n, k.old_unconfirmed
    )
    SELECT array_agg(e.n ORDER BY e.n) INTO v_doubtful FROM extended e
      WHERE NOT (isempty(e.old_unconfirmed) AND isempty(p_unconfirmed[e.n]));
    IF v_doubtful IS NOT NULL THEN
      PERFORM note_unconfirmed(h.series, p_unconfirmed[h.n]) FROM unnest(h_n, h_series) AS h(n, series)
        WHERE h.n = ANY (v_doubtful);
    END IF;

    FOR x IN
      UPDATE backfill_state_persistent b SET
        reread = b.reread - p_answered[q.n], crashes = 0, heartbeat_at = clock_timestamp(),
        records_inserted = b.records_inserted + v_inserted[q.n], records_updated = b.records_updated + v_updated[q.n],
        records_rejected = b.records_rejected + q.rejected, requests = b.requests + p_requests[q.n],
        status = CASE WHEN q.is_over THEN 'completed' ELSE 'in_progress' END,
        outcome = CASE WHEN q.is_over THEN 'stored' END,
        worker_id = CASE WHEN q.is_over THEN null ELSE b.worker_id END,
        completed_at = CASE WHEN q.is_over THEN clock_timestamp() END,
        error_code = CASE WHEN q.is_over THEN null ELSE b.error_code END,
        error_message = CASE WHEN q.is_over THEN null ELSE b.error_message END
      FROM (
        SELECT h.n, h.id, l.todo, isempty(l.todo) AS is_over, coalesce(jsonb_array_length(p_rejected -> (h.n - 1)), 0) AS rejected
        FROM unnest(h_n, h_id, h_series, h_wanted, h_reread) AS h(n, id, series, wanted, reread)
        JOIN series_coverage c ON c.series_id = h.series
        -- OFFSET: worked out once, not wherever it is named.
        CROSS JOIN LATERAL (SELECT h.wanted - settled_of(c) + h.reread AS todo OFFSET 0) l
      ) q WHERE b.execution_id = q.id RETURNING q.n, q.todo, q.is_over, b.kind, b.series_id
    LOOP
      ordinal := x.n; outcome := CASE WHEN x.is_over THEN 'completed' ELSE 'stored' END;
      inserted := v_inserted[x.n]; updated := v_updated[x.n];
      unchanged := p_ends[x.n] - coalesce(p_ends[x.n - 1], 0) - inserted - updated;
      todo := ranges_to_ms(x.todo);
      IF x.is_over THEN
        v_succeeded := array_append(v_succeeded, x.series_id);
        -- The planner may have more for this series.
        IF x.kind <> 'tail' THEN PERFORM pg_notify('candlefleet', 'backlog'); END IF;
      END IF;
      RETURN NEXT;
    END LOOP;
    v_rest := v_later;
    EXIT WHEN v_rest IS NULL;
  END LOOP;
  IF v_succeeded <> '{}' THEN PERFORM note_success(v_succeeded); END IF;
END $$;
--> statement-breakpoint
-- What two answers did not agree on is asked again after 1 minute, then 2, 4 … 24 hours at most, each stretch by its
-- own count. Where a third request on its own still shows nothing, and later candles are there, nothing it is: covered.
CREATE FUNCTION note_unconfirmed(p_series int, p_unconfirmed tstzmultirange) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  c series_coverage := (SELECT k FROM series_coverage k WHERE k.series_id = p_series);
  v_settled tstzmultirange := c.covered + c.unavailable; v_again tstzmultirange := p_unconfirmed - v_settled;
  v_agreed tstzmultirange;
BEGIN
  WITH old AS (
    DELETE FROM unconfirmed_ranges u WHERE u.series_id = p_series AND u.range && (v_again + v_settled) RETURNING u.*
  ), again AS (
    SELECT unnest(tstzmultirange(o.range) * v_again) AS range, o.asks + 1 AS asks FROM old o
  ), over AS (
    -- Where a candle was rejected there is one, however often it is shown broken.
    SELECT range_agg(range) AS ranges FROM again WHERE asks >= 3 AND upper(range) <= c.last_candle
      AND NOT EXISTS (SELECT 1 FROM rejected_candles r WHERE r.series_id = p_series AND r.time <@ range)
  ), kept AS (
    INSERT INTO unconfirmed_ranges (series_id, range, asks, due_at)
    SELECT p_series, unnest(tstzmultirange(o.range) - v_again - v_settled), o.asks, o.due_at FROM old o
    UNION ALL
    SELECT p_series, unnest(tstzmultirange(a.range) - coalesce(over.ranges, '{}')), a.asks,
      clock_timestamp() + least(interval '24 hours', interval '1 minute' * 2 ^ least(a.asks - 1, 11)) FROM again a, over
    UNION ALL
    SELECT p_series, unnest(v_again - coalesce((SELECT range_agg(o.range) FROM old o), '{}')), 1,
      clock_timestamp() + interval '1 minute'
  )
  SELECT coalesce(ranges, '{}') INTO v_agreed FROM over;
  UPDATE series_coverage k SET covered = k.covered + v_agreed,
    unconfirmed = coalesce((SELECT range_agg(u.range) FROM unconfirmed_ranges u WHERE u.series_id = p_series), '{}')
    WHERE k.series_id = p_series;
END $$;
--> statement-breakpoint
-- Chunks of which some candles may be stored already, of one series each: new ones are inserted, differing ones (bitwise)
-- become revisions. Answers how many of each chunk, counted from 1; chunks of which there are none are left out.
CREATE FUNCTION merge_candles(
  p_series int[], p_executions uuid[], p_first int[], p_last int[],
  p_time double precision[], p_open double precision[], p_high double precision[], p_low double precision[],
  p_close double precision[], p_volume double precision[]
) RETURNS TABLE (nth int, inserted int, updated int)
LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan
  SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
  WITH incoming AS MATERIALIZED (
    SELECT m.nth, m.series, m.execution, to_timestamp(p_time[i] / 1000.0) AS time, p_open[i] AS open, p_high[i] AS high,
      p_low[i] AS low, p_close[i] AS close, p_volume[i] AS volume
    FROM unnest(p_series, p_executions, p_first, p_last) WITH ORDINALITY AS m(series, execution, first, last, nth),
      generate_series(m.first, m.last) i
  ), changed AS (
    SELECT i.*, m.open AS old_open, m.high AS old_high, m.low AS old_low, m.close AS old_close, m.volume AS old_volume
    FROM incoming i JOIN market_data m ON m.series_id = i.series AND m.time = i.time
    WHERE (float8send(m.open), float8send(m.high), float8send(m.low), float8send(m.close), float8send(m.volume))
       <> (float8send(i.open), float8send(i.high), float8send(i.low), float8send(i.close), float8send(i.volume))
  ), kept AS (
    INSERT INTO candle_revisions (series_id, time, execution_id, old_open, old_high, old_low, old_close, old_volume,
      new_open, new_high, new_low, new_close, new_volume)
    SELECT series, time, execution, old_open, old_high, old_low, old_close, old_volume, open, high, low, close, volume
    FROM changed
  ), corrected AS (
    UPDATE market_data m SET open = x.open, high = x.high, low = x.low, close = x.close, volume = x.volume
    FROM changed x WHERE m.series_id = x.series AND m.time = x.time RETURNING x.nth
  ), added AS (
    INSERT INTO market_data (series_id, time, open, high, low, close, volume)
    SELECT series, time, open, high, low, close, volume FROM incoming
    ON CONFLICT DO NOTHING RETURNING series_id
  )
  SELECT m.nth::int, count(*) FILTER (WHERE k.is_new)::int, count(*) FILTER (WHERE NOT k.is_new)::int
  FROM (SELECT array_position(p_series, series_id)::bigint AS nth, true AS is_new FROM added
    UNION ALL SELECT nth, false FROM corrected) k
  JOIN unnest(p_series) WITH ORDINALITY AS m(series, nth) ON m.nth = k.nth
  GROUP BY m.nth;
END $$;
