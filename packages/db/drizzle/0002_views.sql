-- What SQL users read.
CREATE VIEW candles AS
  SELECT s.provider, s.symbol, s.timeframe, m.time, m.open, m.high, m.low, m.close, m.volume
  FROM market_data m JOIN series s USING (series_id);
--> statement-breakpoint
-- The series that the watchlist asks for, and the bounds of what is wanted of each.
CREATE VIEW tracked_series AS
  SELECT s.series_id, s.provider, s.symbol, s.timeframe, s.origin, t.asset_class, t.calendar, t.active,
         t.schedule_override,
         greatest(s.history_start, t.listed_at) AS wanted_from,
         -- Never before the start, or no range could be made of the two.
         CASE WHEN s.history_end IS NOT NULL OR t.delisted_at IS NOT NULL
           THEN greatest(least(s.history_end, t.delisted_at), s.history_start, t.listed_at) END AS wanted_to
  FROM series s
  JOIN tracked_symbols t ON t.provider = s.provider AND t.symbol = s.symbol AND s.timeframe = ANY (t.timeframes);
--> statement-breakpoint
-- Milliseconds since the epoch: how instants leave the database, so that no driver's date parser is involved.
-- Declared as volatile as what it calls: else the planner cannot put it in line, and each call parses it anew.
CREATE FUNCTION to_ms(t timestamptz) RETURNS double precision LANGUAGE sql STABLE STRICT PARALLEL SAFE
  RETURN round(date_part('epoch', t) * 1000);
--> statement-breakpoint
CREATE FUNCTION from_ms(ms double precision) RETURNS timestamptz LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
  RETURN to_timestamp(ms / 1000.0);
--> statement-breakpoint
-- [[from, to], …] in milliseconds.
CREATE FUNCTION ranges_to_ms(r tstzmultirange) RETURNS jsonb LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE AS $$
BEGIN
  IF isempty(r) THEN RETURN '[]'; END IF;
  -- Mostly it is one stretch: then no query is needed.
  IF r = tstzmultirange(range_merge(r)) THEN
    RETURN jsonb_build_array(jsonb_build_array(to_ms(lower(r)), to_ms(upper(r))));
  END IF;
  RETURN (SELECT jsonb_agg(jsonb_build_array(to_ms(lower(u)), to_ms(upper(u)))) FROM unnest(r) u);
END $$;
--> statement-breakpoint
-- What needs no asking: covered, unavailable, or unconfirmed and not yet due.
CREATE FUNCTION settled_of(c series_coverage) RETURNS tstzmultirange LANGUAGE plpgsql STABLE AS $$
BEGIN
  IF isempty(c.unconfirmed) THEN RETURN c.covered + c.unavailable; END IF;
  RETURN c.covered + c.unavailable + coalesce((SELECT range_agg(u.range) FROM unconfirmed_ranges u
    WHERE u.series_id = c.series_id AND u.due_at > clock_timestamp()), '{}');
END $$;
--> statement-breakpoint
-- Keeps series (and their coverage rows) in step with the watchlist, cancels the work of what was paused or removed
-- in the same statement (T11), lifts cancellations of what was resumed, and tells the producer at once.
CREATE FUNCTION follow_watchlist() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP <> 'DELETE' THEN
    INSERT INTO series (provider, symbol, timeframe)
      SELECT NEW.provider, NEW.symbol, unnest(NEW.timeframes) ON CONFLICT DO NOTHING;
    INSERT INTO series_coverage (series_id)
      SELECT series_id FROM series WHERE provider = NEW.provider AND symbol = NEW.symbol ON CONFLICT DO NOTHING;
  END IF;
  IF TG_OP <> 'INSERT' THEN
    PERFORM cancel_rows(ARRAY(
      SELECT e.execution_id FROM backfill_state_persistent e JOIN series s USING (series_id)
      WHERE s.provider = OLD.provider AND s.symbol = OLD.symbol AND e.status IN ('pending', 'in_progress')
        AND (TG_OP = 'DELETE' OR NOT NEW.active OR s.timeframe <> ALL (NEW.timeframes))), false);
  END IF;
  IF TG_OP = 'UPDATE' AND NEW.active AND NOT OLD.active THEN
    UPDATE backfill_state_persistent e SET cancel_stands = false FROM series s
      WHERE s.series_id = e.series_id AND s.provider = NEW.provider AND s.symbol = NEW.symbol AND e.cancel_stands;
  END IF;
  PERFORM pg_notify('candlefleet', 'watchlist');
  RETURN NULL;
END $$;
--> statement-breakpoint
CREATE TRIGGER follow AFTER INSERT OR UPDATE OR DELETE ON tracked_symbols
  FOR EACH ROW EXECUTE FUNCTION follow_watchlist();
