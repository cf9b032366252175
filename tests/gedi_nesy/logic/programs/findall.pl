% The list of everything provable is as random as the facts: one list for each subset.
%! expect winners([]) 0.3
%! expect winners([ann]) 0.2
%! expect winners([bob]) 0.3
%! expect winners([ann, bob]) 0.2
0.4::wins(ann).
0.5::wins(bob).
winners(L) :- findall(X, wins(X), L).
query(winners(_)).
