select
    title_id as tconst,
    ordering,
    title,
    region,
    language,
    string_to_array(nullif(types, ''), e'\x02') as types,
    string_to_array(nullif(attributes, ''), e'\x02') as attributes,
    case is_original_title when 0 then false when 1 then true end as is_original_title,
    region is null or region = '' as is_missing_region,
    language is null or language = '' as is_missing_language
from {{ source('raw', 'title_akas') }}
