{#-
  One pass over a relation (alias `checked`) that counts the rows which fail each of `checks`, a
  mapping of names to SQL conditions. `joined` may add the parents of foreign keys. `key` is SQL for
  the text that names a row. Nothing is read unless the dataset is in the CTE `loads`.
-#}
{% macro quality_pass(dataset, relation, key, checks, joined='') -%}
    select
        '{{ dataset }}' as dataset,
        each_check.check_name,
        pass.rows_checked,
        each_check.rows_failing,
        each_check.example_key
    from (
        select
            count(*) as rows_checked,
            {%- for condition in checks.values() %}
            count(*) filter (where {{ condition }}) as failing_{{ loop.index }},
            min({{ key }}) filter (where {{ condition }}) as example_{{ loop.index }}{{ ',' if not loop.last }}
            {%- endfor %}
        from {{ relation }} as checked
        {{ joined }}
        where (select exists (select from loads where loads.dataset = '{{ dataset }}'))
    ) as pass
    cross join lateral (
        values
        {%- for name in checks %}
        ('{{ name }}', pass.failing_{{ loop.index }}, pass.example_{{ loop.index }}){{ ',' if not loop.last }}
        {%- endfor %}
    ) as each_check (check_name, rows_failing, example_key)
{%- endmacro %}

{#-
  Rows whose foreign key has no parent: IMDb's files are not one snapshot, so some are routine.
  `parents` maps the name of a check to [foreign key, parent relation, the parent's key]; all of
  them, and further `checks`, are of one pass.
-#}
{% macro orphan_pass(dataset, relation, key, parents, checks={}) -%}
    {%- set conditions, joins = {}, [] -%}
    {%- for name, (foreign_key, parent, parent_key) in parents.items() -%}
        {%- set alias = 'parent_' ~ loop.index -%}
        {%- do conditions.update({
            name: 'checked.' ~ foreign_key ~ ' is not null and ' ~ alias ~ '.' ~ parent_key ~ ' is null'
        }) -%}
        {%- do joins.append(
            'left join ' ~ parent ~ ' as ' ~ alias
            ~ ' on checked.' ~ foreign_key ~ ' = ' ~ alias ~ '.' ~ parent_key
        ) -%}
    {%- endfor -%}
    {{ quality_pass(dataset, relation, key, dict(conditions, **checks), joins | join('\n        ')) }}
{%- endmacro %}
