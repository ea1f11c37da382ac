{# What was found of a load stays as it was found: no stored row is ever in scope of a rebuild. #}
{{ config(
    unique_key=['load_id', 'dataset', 'check'],
    incremental_predicates=['false'],
) }}

{%- set titles = {
    'dataset': 'title.basics', 'relation': source('raw', 'title_basics'), 'key': 'tconst'
} -%}
{%- set people = {
    'dataset': 'name.basics', 'relation': source('raw', 'name_basics'), 'key': 'nconst'
} -%}
{%- set due = checks_due([titles.dataset, people.dataset]) -%}
{%- set first_year = var('limits').title_year_min -%}
{%- set last_year = as_of_year() ~ ' + ' ~ var('limits').announced_years %}

-- From the raw tables: staging has already made NULL of what is looked for here.
with loads as (

    -- The loads that this build sees and no earlier one has checked.
    select
        key as dataset,
        value::bigint as load_id
    from jsonb_each_text(coalesce(current_setting('imdb.loads', true), '{}')::jsonb)
    {% if is_incremental() %}
        where value::bigint not in (select done.load_id from {{ this }} as done)
    {% endif %}

),

checks as (

    {{ quality_pass(due, 'title.basics', titles.relation, ['tconst'], {
        'start_year out of range': 'not start_year between ' ~ first_year ~ ' and ' ~ last_year,
        'end_year out of range': 'not end_year between ' ~ first_year ~ ' and ' ~ last_year,
        'missing title': "coalesce(primary_title, '') = ''",
        'unknown title type':
            'title_type is null or title_type not in (' ~ sql_list(var('title_types')) ~ ')',
    }) }}
    union all
    {{ quality_pass(due, 'name.basics', people.relation, ['nconst'], {
        'birth_year out of range': 'not birth_year between 1 and ' ~ as_of_year(),
        'death_year out of range': 'not death_year between 1 and ' ~ as_of_year(),
        'missing name': "coalesce(primary_name, '') = ''",
    }) }}
    union all
    {{ quality_pass(
        due, 'title.principals', source('raw', 'title_principals'), ['tconst', 'ordering'],
        {
            'missing person': "coalesce(nconst, '') = ''",
            'unknown category':
                'category is null or category not in (' ~ sql_list(var('categories')) ~ ')',
        },
        {'orphan title': ['tconst', titles], 'orphan person': ['nconst', people]}
    ) }}
    union all
    {{ quality_pass(
        due, 'title.ratings', source('raw', 'title_ratings'), ['tconst'],
        parents={'orphan title': ['tconst', titles]}
    ) }}
    union all
    {{ quality_pass(
        due, 'title.akas', source('raw', 'title_akas'), ['title_id', 'ordering'],
        parents={'orphan title': ['title_id', titles]}
    ) }}
    union all
    {{ quality_pass(
        due, 'title.episode', source('raw', 'title_episode'), ['tconst'],
        parents={'orphan title': ['tconst', titles], 'orphan series': ['parent_tconst', titles]}
    ) }}
    union all
    {{ quality_pass(
        due, 'title.crew', source('raw', 'title_crew'), ['tconst'],
        parents={'orphan title': ['tconst', titles]}
    ) }}
    union all
    {{ quality_pass(
        due, 'title.crew', ref('stg_title_crew_directors'), ['tconst', 'director_nconst'],
        parents={'orphan director': ['director_nconst', people]}
    ) }}
    union all
    {{ quality_pass(
        due, 'title.crew', ref('stg_title_crew_writers'), ['tconst', 'writer_nconst'],
        parents={'orphan writer': ['writer_nconst', people]}
    ) }}

),

-- The load counted these itself, against the rows of the load before.
vanished as (

    select
        dataset,
        'vanished' as check_name,
        lag(rows) over (partition by dataset order by load_id) as rows_checked,
        vanished_rows as rows_failing,
        vanished_example as example_key,
        null::boolean as is_whole,
        load_id
    from {{ source('ops', 'loads') }}

)

select
    loads.load_id,
    loads.dataset,
    checks.check_name as "check",
    checks.rows_checked,
    checks.rows_failing,
    checks.example_key,
    checks.is_whole
from loads
inner join checks on loads.dataset = checks.dataset

union all

select
    loads.load_id,
    loads.dataset,
    vanished.check_name as "check",
    vanished.rows_checked,
    vanished.rows_failing,
    vanished.example_key,
    vanished.is_whole
from loads
inner join vanished on loads.load_id = vanished.load_id
where vanished.rows_failing is not null
