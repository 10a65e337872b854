//! `APPROXIMATE COUNT(DISTINCT x)`, which is answered exactly.

use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

/// Takes the word APPROXIMATE from before a function, since sqlparser does not know it. An exact answer is as good.
///
/// Source: [COUNT](https://docs.aws.amazon.com/redshift/latest/dg/r_COUNT.html).
pub fn drop_approximate(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let is_word = |token: &TokenWithSpan, names: &[&str]| match &token.token {
        Token::Word(word) if word.quote_style.is_none() => {
            names.iter().any(|name| word.value.eq_ignore_ascii_case(name))
        }
        _ => false,
    };
    let is_blank = |token: &&TokenWithSpan| matches!(token.token, Token::Whitespace(_));
    let keep = |(index, token): (usize, &TokenWithSpan)| {
        let mut next = tokens[index + 1..].iter().filter(|token| !is_blank(token));
        let before_function = next.next().is_some_and(|next| is_word(next, &["count", "percentile_disc"]))
            && next.next().is_some_and(|next| next.token == Token::LParen);
        !(is_word(token, &["approximate"]) && before_function)
    };
    let kept: Vec<bool> = tokens.iter().enumerate().map(keep).collect();
    tokens.into_iter().zip(kept).filter_map(|(token, kept)| kept.then_some(token)).collect()
}
