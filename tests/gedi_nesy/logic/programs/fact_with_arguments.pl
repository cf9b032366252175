% A fact with arguments is one chance for each of its instances.
%! expect both 0.12
%! expect either 0.58
0.3::heads(coin1).
0.4::heads(coin2).
both :- heads(coin1), heads(coin2).
either :- heads(_).
query(both).
query(either).
