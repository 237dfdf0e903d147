import type { Sql } from 'postgres';

/**
 * What a database is made of, a line each, in order: columns, constraints, indexes, triggers, functions, views, storage
 * options, grants, types and extensions of our schema. The same on every version of Postgres.
 */
export async function describeCatalogue(sql: Sql): Promise<string> {
  const rows = await sql<{ line: string }[]>`
    with ours as (
      select oid, nspname from pg_namespace where nspname = 'public'
    ), relations as (
      select c.* from pg_class c join ours on ours.oid = c.relnamespace
    ), lines(kind, name, line) as (
      select case relkind when 'v' then 'view' when 'S' then 'sequence' else 'table' end, relname,
        concat_ws(' ', 'options', coalesce(array_to_string(reloptions, ', '), 'none'),
          case relpersistence when 'p' then null else 'persistence ' || relpersistence::text end,
          (select 'toast options ' || array_to_string(t.reloptions, ', ') from pg_class t
            where t.oid = relations.reltoastrelid and t.reloptions is not null))
        from relations where relkind in ('r', 'p', 'v', 'm', 'S')
      union all
      select 'view', relname, 'body ' || left(md5(pg_get_viewdef(oid)), 12) from relations where relkind in ('v', 'm')
      union all
      select 'column', format('%s.%s', r.relname, lpad(a.attnum::text, 2, '0')),
        concat_ws(' ', a.attname, format_type(a.atttypid, a.atttypmod), case when a.attnotnull then 'not null' end,
          case a.attidentity when 'a' then 'identity always' when 'd' then 'identity by default' end,
          case when a.attgenerated = 's' then 'generated' end, 'default ' || pg_get_expr(d.adbin, d.adrelid),
          'storage ' || a.attstorage::text, 'compression ' || nullif(a.attcompression::text, ''),
          case when a.attstattarget >= 0 then 'statistics ' || a.attstattarget end)
        from relations r join pg_attribute a on a.attrelid = r.oid left join pg_attrdef d on (d.adrelid, d.adnum) = (r.oid, a.attnum)
        where r.relkind in ('r', 'p', 'v', 'm') and a.attnum > 0 and not a.attisdropped
      union all
      -- From version 18 on, NOT NULL is a constraint as well; the columns tell it.
      select 'constraint', format('%s.%s', r.relname, c.conname),
        concat_ws(' ', pg_get_constraintdef(c.oid), case when not c.convalidated then 'not valid' end)
        from pg_constraint c join relations r on r.oid = c.conrelid where c.contype <> 'n'
      union all
      select 'index', r.relname, concat_ws(' ', pg_get_indexdef(i.indexrelid), case when not i.indisvalid then 'invalid' end)
        from pg_index i join relations r on r.oid = i.indexrelid
      union all
      select 'trigger', format('%s.%s', r.relname, t.tgname), concat_ws(' ', pg_get_triggerdef(t.oid), 'enabled ' || t.tgenabled::text)
        from pg_trigger t join relations r on r.oid = t.tgrelid where not t.tgisinternal
      union all
      select 'function', p.oid::regprocedure::text,
        concat_ws(' ', 'returns ' || pg_get_function_result(p.oid), l.lanname, 'volatility ' || p.provolatile::text,
          'parallel ' || p.proparallel::text, case when p.prosecdef then 'security definer' end, case when p.proisstrict then 'strict' end,
          'set ' || array_to_string(p.proconfig, ', '), 'body ' || left(md5(p.prosrc), 12))
        from pg_proc p join ours on ours.oid = p.pronamespace join pg_language l on l.oid = p.prolang
        where not exists (select 1 from pg_depend d where d.objid = p.oid and d.deptype = 'e')
      union all
      select 'type', t.typname, concat_ws(' ', 'kind ' || t.typtype::text, (select string_agg(e.enumlabel, ', ' order by e.enumsortorder)
          from pg_enum e where e.enumtypid = t.oid))
        from pg_type t join ours on ours.oid = t.typnamespace where t.typtype in ('e', 'd')
      union all
      select 'grant', r.relname, format('%s to %s', string_agg(x.privilege_type, ', ' order by x.privilege_type),
          case when x.grantee = 0 then 'public' else pg_get_userbyid(x.grantee) end)
        from relations r, aclexplode(r.relacl) x where x.grantee <> r.relowner group by r.relname, x.grantee
      union all
      select 'extension', extname, '' from pg_extension
    )
    select rtrim(concat_ws(' ', kind, name, line)) as line from lines order by kind collate "C", name collate "C", line collate "C"`;
  return `${rows.map((row) => row.line).join('\n')}\n`;
}
