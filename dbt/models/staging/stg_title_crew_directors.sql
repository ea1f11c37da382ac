{{ config(
    materialized='incremental',
    unique_key=['tconst', 'director_nconst'],
    indexes=[{'columns': ['director_nconst']}],
) }}

{{ crew_list('directors', 'director_nconst', 'director_order') }}
