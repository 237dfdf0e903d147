import type postgres from 'postgres';

/** One statement per kind of object in the schema public, each answering lines in their order. */
const KINDS: Readonly<Record<string, string>> = {
  // Without their versions, which are the server's.
  extensions: `select extname from pg_extension where extname <> 'plpgsql' order by 1`,
  relations: `
    select case relkind when 'r' then 'table' when 'v' then 'view' when 'S' then 'sequence' else relkind::text end,
      relname, case when relpersistence <> 'p' then 'not permanent' end, case when relrowsecurity then 'row security' end,
      array_to_string(reloptions, ' ')
    from pg_class where relnamespace = 'public'::regnamespace and relkind not in ('i', 'I') order by 1, relname`,
  columns: `
    select format('%s.%s', c.relname, a.attname), format_type(a.atttypid, a.atttypmod), case when a.attnotnull then 'not null' end,
      case a.attidentity when 'a' then 'identity' when 'd' then 'identity by default' end,
      'default ' || pg_get_expr(d.adbin, d.adrelid)
    from pg_attribute a join pg_class c on c.oid = a.attrelid
    left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
    where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'v') and a.attnum > 0 and not a.attisdropped
    order by c.relname, a.attnum`,
  // Postgres 18 keeps NOT NULL among them; columns tell it here.
  constraints: `
    select conrelid::regclass, conname, pg_get_constraintdef(oid) from pg_constraint
    where connamespace = 'public'::regnamespace and contype <> 'n' order by conrelid::regclass::text, conname`,
  indexes: `
    select pg_get_indexdef(i.indexrelid), 'with ' || array_to_string(c.reloptions, ' ') from pg_index i
    join pg_class c on c.oid = i.indexrelid where c.relnamespace = 'public'::regnamespace order by c.relname`,
  triggers: `
    select pg_get_triggerdef(t.oid), case when tgenabled <> 'O' then 'enabled ' || tgenabled::text end
    from pg_trigger t join pg_class c on c.oid = t.tgrelid
    where c.relnamespace = 'public'::regnamespace and not tgisinternal order by c.relname, tgname`,
  views: `
    select relname, pg_get_viewdef(oid) from pg_class where relnamespace = 'public'::regnamespace and relkind = 'v'
    order by relname`,
  // Their bodies are in the migrations. What an extension brought is its own.
  functions: `
    select format('%s(%s)', proname, pg_get_function_arguments(p.oid)), 'returns ' || pg_get_function_result(p.oid),
      lanname, case provolatile when 'i' then 'immutable' when 's' then 'stable' end, case when proisstrict then 'strict' end,
      case when prosecdef then 'security definer' end, case proparallel when 's' then 'parallel safe' end,
      'set ' || array_to_string(proconfig, ' set ')
    from pg_proc p join pg_language l on l.oid = prolang
    where pronamespace = 'public'::regnamespace and not exists (select 1 from pg_depend where objid = p.oid and deptype = 'e')
    order by proname, p.oid`,
  grants: `
    select o.what, case when a.grantee = 0 then 'everyone' when a.grantee = o.owner then 'owner' else a.grantee::regrole::text end,
      string_agg(lower(a.privilege_type), ' ' order by a.privilege_type)
    from (
      select 'schema ' || nspname, nspowner, coalesce(nspacl, acldefault('n', nspowner)) from pg_namespace where nspname = 'public'
      union all
      select 'relation ' || relname, relowner, relacl from pg_class where relnamespace = 'public'::regnamespace
      union all
      select 'function ' || proname, proowner, proacl from pg_proc where pronamespace = 'public'::regnamespace
    ) o(what, owner, acl), aclexplode(o.acl) a
    group by 1, 2 order by 1, 2`,
};

/** What the database has, as text that is the same on every Postgres that candlefleet runs on. */
export async function readCatalogue(sql: postgres.Sql): Promise<string> {
  const parts: string[] = [];
  for (const [kind, statement] of Object.entries(KINDS)) {
    const rows = await sql.unsafe(statement).values();
    const lines = rows.map((row) => row.filter((value) => value !== null && value !== '').join(' '));
    parts.push(`# ${kind}`, ...lines.map((line) => line.replaceAll(/\s+/g, ' ').trim()), '');
  }
  return parts.join('\n');
}
