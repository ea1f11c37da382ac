{{ config(materialized='view') }}

select
    builds.model as mart,
    builds.built_at,
    builds.as_of_date,
    builds.failed_tests,
    used.dataset,
    used.load_id::bigint as load_id,
    loads.last_modified,
    (loads.last_modified at time zone 'UTC')::date as source_date,
    not exists (
        select from {{ source('ops', 'loads') }} as later
        where later.dataset = used.dataset and later.load_id > used.load_id::bigint
    ) as is_latest
from {{ source('ops', 'model_builds') }} as builds
cross join jsonb_each_text(builds.loads) as used (dataset, load_id)
left join {{ source('ops', 'loads') }} as loads on used.load_id::bigint = loads.load_id
where builds.model like 'mart\_%'
