% ProbLog answers negated queries.
%! expect \+rain 0.7
0.3::rain.
query(\+rain).
