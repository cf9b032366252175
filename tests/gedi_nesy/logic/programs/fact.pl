% A probabilistic fact.
%! expect rain 0.3
0.3::rain.
query(rain).
