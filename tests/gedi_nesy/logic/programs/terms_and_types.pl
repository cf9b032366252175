% Inspecting terms.
%! expect functor(f,2) 1
%! expect argument(b) 1
%! expect types 1
functor(F, N) :- functor(f(a, b), F, N).
argument(X) :- arg(2, f(a, b), X).
types :- atom(a), number(1.5), integer(2), compound(f(a)), is_list([a]), ground(f(a)), var(_).
query(functor(_, _)).
query(argument(_)).
query(types).
