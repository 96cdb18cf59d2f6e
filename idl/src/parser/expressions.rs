//! Expressions, with the operators of C in their order.

use super::{EXPRESSION_DEPTH_MAX, Parsed, Parser, Reported};
use crate::ast::{BinaryOperator, Expression, ExpressionKind, UnaryOperator};
use crate::diagnostic::Report;
use crate::source::Span;
use crate::token::{Punctuation, TokenKind};

impl Parser<'_> {
    pub(super) fn expression(&mut self) -> Parsed<Expression> {
        self.nested(|parser| {
            let condition = parser.binary(0)?;
            if !parser.take(Punctuation::Question) {
                return Ok(condition);
            }
            let yes = parser.expression()?;
            parser.expect(Punctuation::Colon, "between the two values")?;
            let no = parser.expression()?;
            let span = condition.span.to(no.span);
            let depth = condition.depth.max(yes.depth).max(no.depth);
            let parts = Box::new([condition, yes, no]);
            parser.node(ExpressionKind::Conditional(parts), span, depth)
        })
    }

    /// Operators that bind at least as strongly as `precedence`.
    fn binary(&mut self, precedence: u8) -> Parsed<Expression> {
        let mut left = self.unary()?;
        while let Some((operator, strength)) = self.binary_operator() {
            if strength < precedence {
                break;
            }
            self.advance();
            // The strengths are few, so this recursion is.
            let right = self.binary(strength + 1)?;
            let (span, depth) = (left.span.to(right.span), left.depth.max(right.depth));
            let kind = ExpressionKind::Binary(operator, Box::new(left), Box::new(right));
            left = self.node(kind, span, depth)?;
        }
        Ok(left)
    }

    fn binary_operator(&self) -> Option<(BinaryOperator, u8)> {
        let TokenKind::Punctuation(punctuation) = self.token().kind else {
            return None;
        };
        Some(match punctuation {
            Punctuation::OrOr => (BinaryOperator::Or, 1),
            Punctuation::AndAnd => (BinaryOperator::And, 2),
            Punctuation::Or => (BinaryOperator::BitOr, 3),
            Punctuation::Caret => (BinaryOperator::BitXor, 4),
            Punctuation::And => (BinaryOperator::BitAnd, 5),
            Punctuation::EqualEqual => (BinaryOperator::Equal, 6),
            Punctuation::NotEqual => (BinaryOperator::NotEqual, 6),
            Punctuation::Less => (BinaryOperator::Less, 7),
            Punctuation::Greater => (BinaryOperator::Greater, 7),
            Punctuation::LessEqual => (BinaryOperator::LessEqual, 7),
            Punctuation::GreaterEqual => (BinaryOperator::GreaterEqual, 7),
            Punctuation::ShiftLeft => (BinaryOperator::ShiftLeft, 8),
            Punctuation::ShiftRight => (BinaryOperator::ShiftRight, 8),
            Punctuation::Plus => (BinaryOperator::Add, 9),
            Punctuation::Minus => (BinaryOperator::Subtract, 9),
            Punctuation::Star => (BinaryOperator::Multiply, 10),
            Punctuation::Slash => (BinaryOperator::Divide, 10),
            Punctuation::Percent => (BinaryOperator::Remainder, 10),
            _ => return None,
        })
    }

    fn unary(&mut self) -> Parsed<Expression> {
        let start = self.span();
        let TokenKind::Punctuation(punctuation) = self.token().kind else {
            return self.postfix();
        };
        let operator = match punctuation {
            Punctuation::Plus => UnaryOperator::Plus,
            Punctuation::Minus => UnaryOperator::Minus,
            Punctuation::Tilde => UnaryOperator::Complement,
            Punctuation::Not => UnaryOperator::Not,
            Punctuation::Star => UnaryOperator::Dereference,
            Punctuation::And => UnaryOperator::AddressOf,
            _ => return self.postfix(),
        };
        self.advance();
        let operand = self.nested(Parser::unary)?;
        let (span, depth) = (start.to(operand.span), operand.depth);
        self.node(
            ExpressionKind::Unary(operator, Box::new(operand)),
            span,
            depth,
        )
    }

    fn postfix(&mut self) -> Parsed<Expression> {
        let mut expression = self.primary()?;
        while self.take(Punctuation::Dot) || self.take(Punctuation::Arrow) {
            let member = self.name("the name of a member")?;
            let (span, depth) = (expression.span.to(member.span), expression.depth);
            expression = self.node(ExpressionKind::Member(Box::new(expression)), span, depth)?;
        }
        Ok(expression)
    }

    fn primary(&mut self) -> Parsed<Expression> {
        let span = self.span();
        let kind = match &self.token().kind {
            TokenKind::Name(name) => match name.as_str() {
                "TRUE" | "true" => ExpressionKind::Integer(1),
                "FALSE" | "false" | "NULL" => ExpressionKind::Integer(0),
                _ => ExpressionKind::Name(name.clone()),
            },
            TokenKind::Character(code) => ExpressionKind::Character(*code),
            TokenKind::String(_) => {
                let string = self.string("a string")?;
                let span = span.to(self.previous_span());
                return self.node(ExpressionKind::String(string), span, 0);
            }
            TokenKind::Number(text) => match integer(text) {
                Ok(value) => ExpressionKind::Integer(value),
                Err(why) => {
                    let report = Report::error(span, format!("`{text}` is no integer"), why);
                    self.reports.add(report);
                    return Err(Reported);
                }
            },
            TokenKind::Punctuation(Punctuation::ParenOpen) => return self.parenthesised(),
            _ => return self.unexpected("an expression"),
        };
        self.advance();
        self.node(kind, span, 0)
    }

    /// `(e)`; a cast to a base type has no effect on a value that fits.
    fn parenthesised(&mut self) -> Parsed<Expression> {
        self.advance();
        if self.at_base_type() {
            self.type_specifier()?;
            while self.take(Punctuation::Star) {}
            self.expect(Punctuation::ParenClose, "after the type of a cast")?;
            return self.nested(Parser::unary);
        }
        let inner = self.expression()?;
        self.expect(Punctuation::ParenClose, "to close the parenthesis")?;
        Ok(inner)
    }

    /// Builds a node above operands of at most `depth`.
    fn node(&mut self, kind: ExpressionKind, span: Span, depth: u16) -> Parsed<Expression> {
        if depth >= EXPRESSION_DEPTH_MAX {
            self.reports.add(Report::error(
                span,
                format!("an expression has at most {EXPRESSION_DEPTH_MAX} operators in a row"),
                "too long",
            ));
            return Err(Reported);
        }
        Ok(Expression {
            kind,
            span,
            depth: depth + 1,
        })
    }
}

/// The value of `0x1F`, `017`, `10`, with the suffixes of C.
fn integer(text: &str) -> Result<u64, &'static str> {
    let digits = text.trim_end_matches(['u', 'U', 'l', 'L']);
    let (digits, radix) = if let Some(hex) = digits
        .strip_prefix("0x")
        .or_else(|| digits.strip_prefix("0X"))
    {
        (hex, 16)
    } else if digits.len() > 1 && digits.starts_with('0') {
        (&digits[1..], 8)
    } else {
        (digits, 10)
    };
    if digits.is_empty() || !digits.chars().all(|c| c.is_digit(radix)) {
        return Err("a digit is wrong");
    }
    u64::from_str_radix(digits, radix).map_err(|_| "it needs more than 64 bits")
}
