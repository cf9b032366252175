% The probability of a clause may be computed by its body.
%! expect draw(red) 0.25
%! expect draw(blue) 0.75
balls(red, 1).
balls(blue, 3).
P::draw(Colour) :- balls(Colour, N), P is N / 4.
query(draw(_)).
