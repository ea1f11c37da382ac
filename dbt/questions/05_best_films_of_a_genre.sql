-- Which are the best science-fiction films, wherever the genre stands in their list?
select
    ranks.rank_in_genre,
    titles.primary_title,
    titles.start_year,
    titles.primary_genre,
    titles.average_rating,
    titles.num_votes
from marts.mart_title_genre_rank as ranks
inner join marts.mart_top_titles as titles on ranks.tconst = titles.tconst
where ranks.genre = 'Sci-Fi' and ranks.title_type = 'movie'
order by ranks.rank_in_genre
limit 20;
