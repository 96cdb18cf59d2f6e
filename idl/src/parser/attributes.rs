//! What stands in brackets.

use super::{Parsed, Parser};
use crate::ast::{Attribute, AttributeValue, Attributes};
use crate::token::{Punctuation, TokenKind};

/// Attributes whose argument is a type.
const WITH_TYPE: &[&str] = &["switch_type"];
/// Attributes whose arguments are expressions.
const WITH_EXPRESSIONS: &[&str] = &[
    "size_is",
    "max_is",
    "min_is",
    "length_is",
    "first_is",
    "last_is",
    "switch_is",
    "case",
    "range",
    "charset",
    "call_as",
    "pointer_default",
    "endpoint",
    "helpstring",
];

impl Parser<'_> {
    /// Any number of bracketed lists.
    pub(super) fn attributes(&mut self) -> Parsed<Attributes> {
        let mut attributes = Attributes::default();
        while self.take(Punctuation::BracketOpen) {
            while !self.take(Punctuation::BracketClose) {
                // MIDL takes commas that separate nothing.
                if self.take(Punctuation::Comma) {
                    continue;
                }
                attributes.items.push(self.attribute()?);
                if !self.at_punctuation(Punctuation::BracketClose) {
                    self.expect(Punctuation::Comma, "or `]` after an attribute")?;
                }
            }
        }
        Ok(attributes)
    }

    fn attribute(&mut self) -> Parsed<Attribute> {
        let name = self.name("an attribute")?;
        let text = name.text.as_str();
        let value = if !self.at_punctuation(Punctuation::ParenOpen) {
            AttributeValue::None
        } else if WITH_TYPE.contains(&text) {
            self.advance();
            let ty = self.type_specifier()?;
            self.expect(Punctuation::ParenClose, "after the type")?;
            AttributeValue::Type(Box::new(ty))
        } else if WITH_EXPRESSIONS.contains(&text) {
            self.expressions()?
        } else {
            self.raw()?
        };
        Ok(Attribute { name, value })
    }

    fn expressions(&mut self) -> Parsed<AttributeValue> {
        self.advance();
        let mut expressions = Vec::new();
        loop {
            let is_empty = self.at_punctuation(Punctuation::Comma)
                || self.at_punctuation(Punctuation::ParenClose);
            expressions.push(if is_empty {
                None
            } else {
                Some(self.expression()?)
            });
            if !self.take(Punctuation::Comma) {
                break;
            }
        }
        self.expect(Punctuation::ParenClose, "after the arguments")?;
        Ok(AttributeValue::Expressions(expressions))
    }

    /// The source text between two parentheses that belong together.
    fn raw(&mut self) -> Parsed<AttributeValue> {
        let start = self.span().end;
        let mut open = 0u32;
        loop {
            match self.token().kind {
                TokenKind::Punctuation(Punctuation::ParenOpen) => open += 1,
                TokenKind::Punctuation(Punctuation::ParenClose) => open -= 1,
                TokenKind::Punctuation(Punctuation::Semicolon) | TokenKind::End => {
                    return self.unexpected("`)` after the arguments");
                }
                _ => {}
            }
            if open == 0 {
                break;
            }
            self.advance();
        }
        let mut span = self.span();
        span.end = span.start;
        span.start = start.min(span.end);
        let text = &self.text[span.start as usize..span.end as usize];
        let value = AttributeValue::Raw(text.trim().to_owned(), span);
        self.advance();
        Ok(value)
    }
}
