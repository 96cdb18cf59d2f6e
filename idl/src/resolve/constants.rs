//! Constant expressions.

use super::Resolver;
use crate::ast::{BinaryOperator, Expression, ExpressionKind, UnaryOperator};
use crate::diagnostic::Report;
use crate::source::Span;

/// What a constant stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    /// From the least 64-bit number with a sign to the greatest without.
    Integer(i128),
    String(String),
}

/// The integers that a constant may be.
const LEAST: i128 = i64::MIN as i128;
const GREATEST: i128 = u64::MAX as i128;

impl Resolver<'_> {
    /// The value of a constant expression; errors are reported.
    pub(super) fn evaluate(&mut self, expression: &Expression) -> Option<Value> {
        match self.value_of(expression) {
            Ok(value) => Some(value),
            Err(report) => {
                self.reports.add(*report);
                None
            }
        }
    }

    /// The value of a constant expression that must be an integer.
    pub(super) fn integer(&mut self, expression: &Expression) -> Option<i128> {
        match self.evaluate(expression)? {
            Value::Integer(value) => Some(value),
            Value::String(_) => {
                self.reports.add(Report::error(
                    expression.span,
                    "expected an integer",
                    "a string",
                ));
                None
            }
        }
    }

    pub(super) fn value_of(&self, expression: &Expression) -> Result<Value, Box<Report>> {
        let span = expression.span;
        let error = |message: &str, label: &str| Err(Box::new(Report::error(span, message, label)));
        match &expression.kind {
            ExpressionKind::Integer(value) => Ok(Value::Integer((*value).into())),
            ExpressionKind::Character(code) => Ok(Value::Integer((*code).into())),
            ExpressionKind::String(string) => Ok(Value::String(string.clone())),
            ExpressionKind::Name(name) => match self.constants.get(name.as_str()) {
                Some(value) => Ok(value.clone()),
                None => Err(Box::new(Report::error(
                    span,
                    format!("there is no constant `{name}` before this"),
                    "unknown",
                ))),
            },
            ExpressionKind::Unary(operator, operand) => {
                let value = self.number_of(operand)?;
                let result = match operator {
                    UnaryOperator::Plus => value,
                    UnaryOperator::Minus => -value,
                    UnaryOperator::Complement => !value,
                    UnaryOperator::Not => i128::from(value == 0),
                    UnaryOperator::Dereference | UnaryOperator::AddressOf => {
                        return error("a constant has no address", "not constant");
                    }
                };
                bounded(result, span)
            }
            ExpressionKind::Binary(operator, left, right) => {
                let (left, right) = (self.number_of(left)?, self.number_of(right)?);
                match binary(*operator, left, right) {
                    Some(result) => bounded(result, span),
                    None if matches!(
                        operator,
                        BinaryOperator::ShiftLeft | BinaryOperator::ShiftRight
                    ) =>
                    {
                        error("a shift is by 0 to 63 bits", "too far")
                    }
                    None => error("a division by zero has no value", "divides by zero"),
                }
            }
            ExpressionKind::Conditional(parts) => {
                let [condition, yes, no] = &**parts;
                self.value_of(if self.number_of(condition)? != 0 {
                    yes
                } else {
                    no
                })
            }
            ExpressionKind::Member(_) => error("a member is no constant", "not constant"),
        }
    }

    fn number_of(&self, expression: &Expression) -> Result<i128, Box<Report>> {
        match self.value_of(expression)? {
            Value::Integer(value) => Ok(value),
            Value::String(_) => Err(Box::new(Report::error(
                expression.span,
                "expected an integer",
                "a string",
            ))),
        }
    }
}

fn bounded(value: i128, span: Span) -> Result<Value, Box<Report>> {
    if (LEAST..=GREATEST).contains(&value) {
        return Ok(Value::Integer(value));
    }
    Err(Box::new(Report::error(
        span,
        "the value needs more than 64 bits",
        format!("{value} overflows"),
    )))
}

/// The result, for operands of 64 bits; `None` for a division by zero or a shift too far.
fn binary(operator: BinaryOperator, left: i128, right: i128) -> Option<i128> {
    let shift = u32::try_from(right).ok().filter(|bits| *bits < 64);
    Some(match operator {
        // 64 bits times 64 bits may need one bit more than an i128 has; it is too much anyway.
        BinaryOperator::Multiply => left.saturating_mul(right),
        BinaryOperator::Divide => left.checked_div(right)?,
        BinaryOperator::Remainder => left.checked_rem(right)?,
        BinaryOperator::Add => left + right,
        BinaryOperator::Subtract => left - right,
        BinaryOperator::ShiftLeft => left << shift?,
        BinaryOperator::ShiftRight => left >> shift?,
        BinaryOperator::Less => i128::from(left < right),
        BinaryOperator::Greater => i128::from(left > right),
        BinaryOperator::LessEqual => i128::from(left <= right),
        BinaryOperator::GreaterEqual => i128::from(left >= right),
        BinaryOperator::Equal => i128::from(left == right),
        BinaryOperator::NotEqual => i128::from(left != right),
        BinaryOperator::BitAnd => left & right,
        BinaryOperator::BitXor => left ^ right,
        BinaryOperator::BitOr => left | right,
        BinaryOperator::And => i128::from(left != 0 && right != 0),
        BinaryOperator::Or => i128::from(left != 0 || right != 0),
    })
}
