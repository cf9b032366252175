% 0.3 * 0.9.
%! expect wet 0.27
0.3::rain.
0.9::wet :- rain.
query(wet).
