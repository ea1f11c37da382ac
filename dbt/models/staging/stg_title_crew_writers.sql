{{ config(
    materialized='incremental',
    unique_key=['tconst', 'writer_nconst'],
    indexes=[{'columns': ['writer_nconst']}],
) }}

{{ crew_list('writers', 'writer_nconst', 'writer_order') }}
