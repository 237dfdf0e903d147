-- A token bucket per provider and egress group: capacity + rate × window = limit, so no sliding window ever exceeds the
-- limit. A tail that is refused keeps history off the last fifth for a while.
CREATE FUNCTION take_budget(
  p_provider text, p_group text, p_weight double precision, p_capacity double precision, p_rate_per_ms double precision,
  p_urgent boolean, OUT granted boolean, OUT reason text, OUT wait_ms double precision
) LANGUAGE plpgsql AS $$
DECLARE b provider_budgets; v_now timestamptz; v_tokens double precision; v_keep double precision := 0;
BEGIN
  SELECT * INTO b FROM provider_budgets WHERE provider = p_provider AND egress_group = p_group FOR UPDATE;
  v_now := clock_timestamp();
  IF NOT FOUND THEN
    -- A new bucket starts empty: what was used before it existed is unknown.
    INSERT INTO provider_budgets (provider, egress_group, tokens, refilled_at) VALUES (p_provider, p_group, 0, v_now)
      ON CONFLICT DO NOTHING;
    SELECT * INTO b FROM provider_budgets WHERE provider = p_provider AND egress_group = p_group FOR UPDATE;
    v_now := clock_timestamp();
  END IF;
  v_tokens := least(p_capacity, b.tokens + greatest(0, to_ms(v_now) - to_ms(b.refilled_at)) * p_rate_per_ms);
  IF NOT p_urgent AND b.tail_waits_until > v_now THEN v_keep := least(p_capacity / 5, p_capacity - p_weight); END IF;
  granted := false; wait_ms := 0;
  IF b.ban_until > v_now THEN
    reason := 'banned'; wait_ms := to_ms(b.ban_until) - to_ms(v_now);
    RETURN;
  END IF;
  IF v_tokens - p_weight >= v_keep THEN
    granted := true; v_tokens := v_tokens - p_weight;
  ELSE
    reason := 'exhausted'; wait_ms := ceil((p_weight + v_keep - v_tokens) / p_rate_per_ms);
  END IF;
  UPDATE provider_budgets SET tokens = v_tokens, refilled_at = greatest(b.refilled_at, v_now),
    tail_waits_until = CASE WHEN p_urgent AND NOT granted THEN v_now + interval '2 seconds' + wait_ms * interval '1 millisecond'
      ELSE b.tail_waits_until END
    WHERE provider = p_provider AND egress_group = p_group;
END $$;
--> statement-breakpoint
CREATE FUNCTION ban_provider(p_provider text, p_group text, p_duration_ms double precision) RETURNS void LANGUAGE sql AS $$
  INSERT INTO provider_budgets AS b (provider, egress_group, tokens, refilled_at, ban_until)
  VALUES (p_provider, p_group, 0, clock_timestamp(), clock_timestamp() + p_duration_ms * interval '1 millisecond')
  ON CONFLICT (provider, egress_group) DO UPDATE SET tokens = 0, refilled_at = excluded.refilled_at,
    ban_until = greatest(b.ban_until, excluded.ban_until);
$$;
