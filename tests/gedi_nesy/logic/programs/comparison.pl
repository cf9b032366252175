% Numbers are compared by value, terms by structure.
%! expect smaller 0.75
%! expect equal_value 1
%! expect same_term 1
%! expect differs 1
%! expect ordered 1
0.25::size(5); 0.75::size(2).
smaller :- size(X), X < 3, X =< 2, X =\= 4.
equal_value :- 1 + 1 =:= 2.
same_term :- f(X) == f(X), f(1) \== f(2).
differs :- f(a) \= f(b).
ordered :- a @< b, 1 @< a.
query(smaller).
query(equal_value).
query(same_term).
query(differs).
query(ordered).
