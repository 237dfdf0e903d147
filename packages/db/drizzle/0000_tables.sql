CREATE TABLE "audit_log" (
	"audit_id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "audit_log_audit_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"actor" text NOT NULL,
	"action" text NOT NULL,
	"subject" text NOT NULL,
	"detail" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"created_at" timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "backfill_runs" (
	"run_id" uuid PRIMARY KEY NOT NULL,
	"series_id" integer NOT NULL,
	"range" "tstzrange" NOT NULL,
	"requested_by" text NOT NULL,
	"candles_estimated" integer NOT NULL,
	"requests_estimated" integer NOT NULL,
	"ended_at" timestamp with time zone,
	"created_at" timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "candle_revisions" (
	"revision_id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "candle_revisions_revision_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"series_id" integer NOT NULL,
	"time" timestamp with time zone NOT NULL,
	"execution_id" uuid NOT NULL,
	"old_open" double precision NOT NULL,
	"old_high" double precision NOT NULL,
	"old_low" double precision NOT NULL,
	"old_close" double precision NOT NULL,
	"old_volume" double precision NOT NULL,
	"new_open" double precision NOT NULL,
	"new_high" double precision NOT NULL,
	"new_low" double precision NOT NULL,
	"new_close" double precision NOT NULL,
	"new_volume" double precision NOT NULL,
	"created_at" timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "execution_attempts" (
	"execution_id" uuid NOT NULL,
	"fence" bigint NOT NULL,
	"worker_id" uuid NOT NULL,
	"started_at" timestamp with time zone NOT NULL,
	"ended_at" timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
	"outcome" text NOT NULL,
	"error_code" text,
	"error_message" text,
	"created_at" timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
	CONSTRAINT "execution_attempts_execution_id_fence_pk" PRIMARY KEY("execution_id","fence"),
	CONSTRAINT "execution_attempts_outcome" CHECK ("execution_attempts"."outcome" in ('failed', 'handed_back', 'lost', 'released', 'cancelled'))
);
--> statement-breakpoint
CREATE TABLE "backfill_state_persistent" (
	"execution_id" uuid PRIMARY KEY NOT NULL,
	"series_id" integer NOT NULL,
	"symbol" text NOT NULL,
	"asset_class" text NOT NULL,
	"timeframe" text NOT NULL,
	"kind" text NOT NULL,
	"run_id" uuid,
	"slot" timestamp with time zone,
	"range" "tstzrange" NOT NULL,
	"reread" "tstzmultirange" DEFAULT '{}' NOT NULL,
	"status" text DEFAULT 'pending' NOT NULL,
	"pending_reason" text,
	"not_before" timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
	"outcome" text,
	"job_id" text NOT NULL,
	"worker_id" uuid,
	"fence" bigint DEFAULT 0 NOT NULL,
	"tries" integer DEFAULT 0 NOT NULL,
	"crashes" integer DEFAULT 0 NOT NULL,
	"heartbeat_at" timestamp with time zone,
	"started_at" timestamp with time zone,
	"completed_at" timestamp with time zone,
	"records_inserted" integer DEFAULT 0 NOT NULL,
	"records_updated" integer DEFAULT 0 NOT NULL,
	"records_rejected" integer DEFAULT 0 NOT NULL,
	"requests" integer DEFAULT 0 NOT NULL,
	"retry_count" integer DEFAULT 0 NOT NULL,
	"max_retries" integer NOT NULL,
	"last_retry_at" timestamp with time zone,
	"error_code" text,
	"error_message" text,
	"replan_after" timestamp with time zone,
	"cancel_stands" boolean DEFAULT false NOT NULL,
	"created_at" timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
	CONSTRAINT "bsp_status" CHECK ("backfill_state_persistent"."status" in ('pending', 'in_progress', 'completed', 'failed', 'cancelled')),
	CONSTRAINT "bsp_kind" CHECK ("backfill_state_persistent"."kind" in ('tail', 'history', 'manual', 'repair')),
	CONSTRAINT "bsp_range" CHECK (not isempty("backfill_state_persistent"."range") and not lower_inf("backfill_state_persistent"."range") and not upper_inf("backfill_state_persistent"."range")),
	CONSTRAINT "bsp_slot" CHECK (("backfill_state_persistent"."kind" = 'tail') = ("backfill_state_persistent"."slot" is not null)),
	CONSTRAINT "bsp_worker" CHECK (("backfill_state_persistent"."status" = 'in_progress') = ("backfill_state_persistent"."worker_id" is not null)),
	CONSTRAINT "bsp_pending" CHECK (("backfill_state_persistent"."status" = 'pending') = ("backfill_state_persistent"."pending_reason" is not null)),
	CONSTRAINT "bsp_started" CHECK ("backfill_state_persistent"."status" <> 'in_progress' or ("backfill_state_persistent"."started_at" is not null and "backfill_state_persistent"."fence" > 0)),
	CONSTRAINT "bsp_ended" CHECK (("backfill_state_persistent"."status" in ('completed', 'failed', 'cancelled')) = ("backfill_state_persistent"."completed_at" is not null)),
	CONSTRAINT "bsp_outcome" CHECK (("backfill_state_persistent"."status" = 'completed') = ("backfill_state_persistent"."outcome" is not null) and coalesce("backfill_state_persistent"."outcome" in ('stored', 'nothing_missing'), true)),
	CONSTRAINT "bsp_failed" CHECK ("backfill_state_persistent"."status" <> 'failed' or "backfill_state_persistent"."error_code" is not null),
	CONSTRAINT "bsp_cancel_stands" CHECK (not "backfill_state_persistent"."cancel_stands" or "backfill_state_persistent"."status" = 'cancelled')
);
--> statement-breakpoint
CREATE TABLE "market_data" (
	"series_id" integer NOT NULL,
	"time" timestamp with time zone NOT NULL,
	"open" double precision NOT NULL,
	"high" double precision NOT NULL,
	"low" double precision NOT NULL,
	"close" double precision NOT NULL,
	"volume" double precision NOT NULL,
	"created_at" timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
	CONSTRAINT "market_data_series_id_time_pk" PRIMARY KEY("series_id","time")
);
--> statement-breakpoint
CREATE TABLE "provider_budgets" (
	"provider" text NOT NULL,
	"egress_group" text NOT NULL,
	"tokens" double precision NOT NULL,
	"refilled_at" timestamp with time zone NOT NULL,
	"ban_until" timestamp with time zone,
	"tail_waits_until" timestamp with time zone,
	"created_at" timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
	CONSTRAINT "provider_budgets_provider_egress_group_pk" PRIMARY KEY("provider","egress_group")
);
--> statement-breakpoint
CREATE TABLE "provider_markets" (
	"provider" text PRIMARY KEY NOT NULL,
	"markets" jsonb NOT NULL,
	"fetched_at" timestamp with time zone NOT NULL,
	"created_at" timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "rejected_candles" (
	"rejected_id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "rejected_candles_rejected_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"series_id" integer NOT NULL,
	"execution_id" uuid NOT NULL,
	"time" timestamp with time zone,
	"raw" jsonb NOT NULL,
	"reason" text NOT NULL,
	"created_at" timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "series" (
	"series_id" integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "series_series_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 2147483647 START WITH 1 CACHE 1),
	"provider" text NOT NULL,
	"symbol" text NOT NULL,
	"timeframe" text NOT NULL,
	"origin" text,
	"history_start" timestamp with time zone,
	"history_end" timestamp with time zone,
	"created_at" timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
	CONSTRAINT "series_provider_symbol_timeframe" UNIQUE("provider","symbol","timeframe"),
	CONSTRAINT "series_history" CHECK ("series"."history_start" < "series"."history_end")
);
--> statement-breakpoint
CREATE TABLE "series_activity" (
	"series_id" integer NOT NULL,
	"day" date NOT NULL,
	"completed" integer DEFAULT 0 NOT NULL,
	"failed" integer DEFAULT 0 NOT NULL,
	"cancelled" integer DEFAULT 0 NOT NULL,
	"stored" bigint DEFAULT 0 NOT NULL,
	"updated" bigint DEFAULT 0 NOT NULL,
	"rejected" bigint DEFAULT 0 NOT NULL,
	"requests" bigint DEFAULT 0 NOT NULL,
	"created_at" timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
	CONSTRAINT "series_activity_series_id_day_pk" PRIMARY KEY("series_id","day")
);
--> statement-breakpoint
CREATE TABLE "series_coverage" (
	"series_id" integer PRIMARY KEY NOT NULL,
	"covered" "tstzmultirange" DEFAULT '{}' NOT NULL,
	"unconfirmed" "tstzmultirange" DEFAULT '{}' NOT NULL,
	"unavailable" "tstzmultirange" DEFAULT '{}' NOT NULL,
	"last_candle" timestamp with time zone,
	"candle_count" integer DEFAULT 0 NOT NULL,
	"quality_watermark" timestamp with time zone,
	"created_at" timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
	CONSTRAINT "series_coverage_apart" CHECK (not "series_coverage"."covered" && "series_coverage"."unconfirmed")
);
--> statement-breakpoint
CREATE TABLE "symbol_failure_tracking" (
	"series_id" integer PRIMARY KEY NOT NULL,
	"provider" text NOT NULL,
	"symbol" text NOT NULL,
	"streak" integer DEFAULT 0 NOT NULL,
	"last_failure_at" timestamp with time zone,
	"last_success_at" timestamp with time zone,
	"error_code" text,
	"error_message" text,
	"created_at" timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "tracked_symbols" (
	"tracked_symbol_id" integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "tracked_symbols_tracked_symbol_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 2147483647 START WITH 1 CACHE 1),
	"provider" text NOT NULL,
	"symbol" text NOT NULL,
	"asset_class" text NOT NULL,
	"timeframes" text[] NOT NULL,
	"calendar" text NOT NULL,
	"listed_at" timestamp with time zone,
	"delisted_at" timestamp with time zone,
	"active" boolean DEFAULT true NOT NULL,
	"schedule_override" jsonb,
	"created_at" timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
	CONSTRAINT "tracked_symbols_provider_symbol" UNIQUE("provider","symbol"),
	CONSTRAINT "tracked_symbols_timeframes" CHECK (cardinality("tracked_symbols"."timeframes") > 0),
	CONSTRAINT "tracked_symbols_asset_class" CHECK ("tracked_symbols"."asset_class" in ('crypto', 'equity', 'fx'))
);
--> statement-breakpoint
CREATE TABLE "unconfirmed_ranges" (
	"series_id" integer NOT NULL,
	"range" "tstzrange" NOT NULL,
	"asks" integer NOT NULL,
	"due_at" timestamp with time zone NOT NULL,
	"created_at" timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
	CONSTRAINT "unconfirmed_ranges_series_id_range_pk" PRIMARY KEY("series_id","range")
);
--> statement-breakpoint
CREATE TABLE "workers" (
	"worker_id" uuid PRIMARY KEY NOT NULL,
	"host" text NOT NULL,
	"pid" integer NOT NULL,
	"version" text NOT NULL,
	"started_at" timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
	"lease_until" timestamp with time zone NOT NULL,
	"queues" text[] DEFAULT '{}' NOT NULL,
	"load" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"created_at" timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);
--> statement-breakpoint
ALTER TABLE "backfill_runs" ADD CONSTRAINT "backfill_runs_series_id_series_series_id_fk" FOREIGN KEY ("series_id") REFERENCES "public"."series"("series_id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "execution_attempts" ADD CONSTRAINT "execution_attempts_execution_id_backfill_state_persistent_execution_id_fk" FOREIGN KEY ("execution_id") REFERENCES "public"."backfill_state_persistent"("execution_id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "series_coverage" ADD CONSTRAINT "series_coverage_series_id_series_series_id_fk" FOREIGN KEY ("series_id") REFERENCES "public"."series"("series_id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "symbol_failure_tracking" ADD CONSTRAINT "symbol_failure_tracking_series_id_series_series_id_fk" FOREIGN KEY ("series_id") REFERENCES "public"."series"("series_id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "unconfirmed_ranges" ADD CONSTRAINT "unconfirmed_ranges_series_id_series_series_id_fk" FOREIGN KEY ("series_id") REFERENCES "public"."series"("series_id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "audit_log_subject" ON "audit_log" USING btree ("subject");--> statement-breakpoint
CREATE INDEX "candle_revisions_series_time" ON "candle_revisions" USING btree ("series_id","time");--> statement-breakpoint
CREATE INDEX "bsp_pending_due" ON "backfill_state_persistent" USING btree ("not_before") WHERE "backfill_state_persistent"."status" = 'pending';--> statement-breakpoint
CREATE INDEX "bsp_in_progress_worker" ON "backfill_state_persistent" USING btree ("worker_id") WHERE "backfill_state_persistent"."worker_id" is not null;--> statement-breakpoint
CREATE INDEX "bsp_unfinished_series" ON "backfill_state_persistent" USING btree ("series_id") WHERE "backfill_state_persistent"."status" in ('pending', 'in_progress');--> statement-breakpoint
CREATE INDEX "bsp_set_aside" ON "backfill_state_persistent" USING btree ("series_id") WHERE "backfill_state_persistent"."status" = 'failed' or "backfill_state_persistent"."cancel_stands";--> statement-breakpoint
CREATE INDEX "bsp_ended_at" ON "backfill_state_persistent" USING btree ("status","completed_at") WHERE "backfill_state_persistent"."completed_at" is not null;--> statement-breakpoint
CREATE INDEX "bsp_run" ON "backfill_state_persistent" USING btree ("run_id") WHERE "backfill_state_persistent"."run_id" is not null;--> statement-breakpoint
CREATE INDEX "rejected_candles_series" ON "rejected_candles" USING btree ("series_id","created_at");--> statement-breakpoint
CREATE INDEX "symbol_failure_tracking_symbol" ON "symbol_failure_tracking" USING btree ("provider","symbol");--> statement-breakpoint
CREATE INDEX "workers_lease" ON "workers" USING btree ("lease_until");