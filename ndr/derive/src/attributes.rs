//! What stands in `#[ndr(…)]`.

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::meta::ParseNestedMeta;
use syn::spanned::Spanned;
use syn::{Attribute, Error, Expr, Ident, LitStr, Path, Result, Token, Type, parenthesized};

use crate::correlation;

/// On a struct or an enum.
#[derive(Default)]
pub(crate) struct ContainerAttributes {
    pub(crate) switch: Option<Ident>,
    pub(crate) encapsulated: Option<Span>,
    pub(crate) ms_union: Option<Span>,
    pub(crate) v1_enum: Option<Span>,
    pub(crate) enum16: Option<Span>,
    encode_only: Option<Span>,
    decode_only: Option<Span>,
    /// What the request tells about these parameters.
    pub(crate) given: Option<Type>,
    crate_path: Option<Path>,
}

impl ContainerAttributes {
    pub(crate) fn parse(attributes: &[Attribute]) -> Result<Self> {
        let mut parsed = ContainerAttributes::default();
        for_each_item(attributes, |meta| {
            let span = meta.path.span();
            if meta.path.is_ident("switch") {
                set(&mut parsed.switch, meta.value()?.parse()?, span)
            } else if meta.path.is_ident("encapsulated") {
                set(&mut parsed.encapsulated, span, span)
            } else if meta.path.is_ident("ms_union") {
                set(&mut parsed.ms_union, span, span)
            } else if meta.path.is_ident("v1_enum") {
                set(&mut parsed.v1_enum, span, span)
            } else if meta.path.is_ident("enum16") {
                set(&mut parsed.enum16, span, span)
            } else if meta.path.is_ident("encode_only") {
                set(&mut parsed.encode_only, span, span)
            } else if meta.path.is_ident("decode_only") {
                set(&mut parsed.decode_only, span, span)
            } else if meta.path.is_ident("given") {
                set(&mut parsed.given, meta.value()?.parse()?, span)
            } else if meta.path.is_ident("crate") {
                set(
                    &mut parsed.crate_path,
                    meta.value()?.call(Path::parse_mod_style)?,
                    span,
                )
            } else {
                Err(meta.error(
                    "unknown attribute of a type; allowed: switch = T, encapsulated, \
                     ms_union, v1_enum, enum16, given = T, encode_only, decode_only, \
                     crate = path",
                ))
            }
        })?;
        if let (Some(_), Some(span)) = (parsed.v1_enum, parsed.enum16) {
            return Err(Error::new(span, "v1_enum and enum16 exclude each other"));
        }
        if let (Some(_), Some(span)) = (parsed.encapsulated, parsed.ms_union) {
            return Err(Error::new(
                span,
                "ms_union changes nothing about an encapsulated union; leave it out",
            ));
        }
        if let (Some(_), Some(span)) = (parsed.encode_only, parsed.decode_only) {
            return Err(Error::new(
                span,
                "encode_only and decode_only exclude each other",
            ));
        }
        Ok(parsed)
    }

    /// The attributes of unions have no meaning on a struct.
    pub(crate) fn refuse_for_structs(&self) -> Result<()> {
        let switch = self.switch.as_ref().map(Ident::span);
        match switch.or(self.encapsulated).or(self.ms_union) {
            Some(span) => Err(Error::new(span, "this attribute is for enums")),
            None => Ok(()),
        }
    }

    /// No attribute of a type but the general ones has a meaning on a parameter list.
    pub(crate) fn refuse_for_params(&self) -> Result<()> {
        self.refuse_for_structs()?;
        match self.v1_enum.or(self.enum16) {
            Some(span) => Err(Error::new(span, "this attribute is for enums")),
            None => Ok(()),
        }
    }

    /// Only parameters are given something.
    pub(crate) fn refuse_given(&self) -> Result<()> {
        match &self.given {
            Some(given) => Err(Error::new_spanned(
                given,
                "given is for the parameters of an operation: derive NdrParams",
            )),
            None => Ok(()),
        }
    }

    pub(crate) fn encodes(&self) -> bool {
        self.decode_only.is_none()
    }

    pub(crate) fn decodes(&self) -> bool {
        self.encode_only.is_none()
    }

    /// The path of the `annulus_ndr` crate.
    pub(crate) fn crate_path(&self) -> TokenStream {
        match &self.crate_path {
            Some(path) => quote!(#path),
            None => quote!(::annulus_ndr),
        }
    }
}

/// On a field.
#[derive(Default)]
pub(crate) struct FieldAttributes {
    pub(crate) size_is: Option<Expr>,
    pub(crate) first_is: Option<Expr>,
    pub(crate) length_is: Option<Expr>,
    pub(crate) switch_is: Option<Expr>,
    pub(crate) conformant: Option<Span>,
    pub(crate) varying: Option<(Span, Option<Expr>)>,
    pub(crate) fixed: Option<Expr>,
    pub(crate) string: Option<Span>,
    pub(crate) unique: Option<Span>,
    pub(crate) reference: Option<Span>,
    pub(crate) range: Option<(Expr, Expr)>,
    pub(crate) represent_as: Option<Type>,
    pub(crate) shape: Option<Type>,
}

impl FieldAttributes {
    pub(crate) fn parse(attributes: &[Attribute]) -> Result<Self> {
        let mut parsed = FieldAttributes::default();
        for_each_item(attributes, |meta| parsed.item(&meta))?;
        parsed.check()?;
        Ok(parsed)
    }

    fn item(&mut self, meta: &ParseNestedMeta<'_>) -> Result<()> {
        let span = meta.path.span();
        if meta.path.is_ident("size_is") {
            set(&mut self.size_is, parse_correlation(meta)?, span)
        } else if meta.path.is_ident("first_is") {
            set(&mut self.first_is, parse_correlation(meta)?, span)
        } else if meta.path.is_ident("length_is") {
            set(&mut self.length_is, parse_correlation(meta)?, span)
        } else if meta.path.is_ident("switch_is") {
            set(&mut self.switch_is, parse_correlation(meta)?, span)
        } else if meta.path.is_ident("conformant") {
            set(&mut self.conformant, span, span)
        } else if meta.path.is_ident("varying") {
            let room = meta
                .input
                .peek(Token![=])
                .then(|| meta.value()?.parse())
                .transpose()?;
            set(&mut self.varying, (span, room), span)
        } else if meta.path.is_ident("fixed") {
            set(&mut self.fixed, meta.value()?.parse()?, span)
        } else if meta.path.is_ident("string") {
            set(&mut self.string, span, span)
        } else if meta.path.is_ident("unique") {
            set(&mut self.unique, span, span)
        } else if meta.path.is_ident("ref") {
            set(&mut self.reference, span, span)
        } else if meta.path.is_ident("represent_as") {
            set(&mut self.represent_as, meta.value()?.parse()?, span)
        } else if meta.path.is_ident("shape") {
            set(&mut self.shape, meta.value()?.parse()?, span)
        } else if meta.path.is_ident("range") {
            set(&mut self.range, parse_range(meta)?, span)
        } else {
            Err(meta.error(
                "unknown attribute of a field; allowed: size_is = \"n\", length_is = \"n\", \
                 first_is = \"n\", switch_is = \"n\", conformant, varying, varying = N, fixed = N, string, unique, ref, \
                 range(a, b), represent_as = T, shape = H",
            ))
        }
    }

    fn check(&self) -> Result<()> {
        if let (Some(span), Some(_)) = (self.reference, self.unique) {
            return Err(Error::new(span, "a pointer is either ref or unique"));
        }
        if let Some(shape) = &self.shape {
            let other = [self.reference, self.unique, self.string, self.conformant];
            let is_other_type = self.fixed.is_some() || self.represent_as.is_some();
            if other.iter().any(Option::is_some) || is_other_type {
                return Err(Error::new_spanned(
                    shape,
                    "the shape says all but what others tell already: with it stand only size_is, \
                     length_is, first_is, switch_is and range",
                ));
            }
        }
        if let (Some(span), Some(_)) = (self.conformant, &self.size_is) {
            return Err(Error::new(
                span,
                "size_is says already that the array is conformant",
            ));
        }
        if let Some((span, Some(_))) = self.varying
            && (self.size_is.is_some() || self.conformant.is_some())
        {
            return Err(Error::new(
                span,
                "a conformant array has no fixed room; write `varying` without a number",
            ));
        }
        if let Some(fixed) = &self.fixed
            && (self.is_varying_or_conformant() || self.string.is_some())
        {
            return Err(Error::new_spanned(
                fixed,
                "a fixed array has all its elements: no size_is, length_is, conformant, varying \
                 or string",
            ));
        }
        let has_room = self.size_is.is_some()
            || self.shape.is_some()
            || self.conformant.is_some()
            || self.string.is_some()
            || matches!(self.varying, Some((_, Some(_))));
        if let (false, Some(part)) = (has_room, self.length_is.as_ref().or(self.first_is.as_ref()))
        {
            return Err(Error::new_spanned(
                part,
                "length_is and first_is need to know the array's room: add size_is, conformant or \
                 varying = N",
            ));
        }
        if let (false, Some((span, None))) = (has_room, &self.varying) {
            return Err(Error::new(
                *span,
                "how many elements have room? write varying = N, or add size_is or conformant",
            ));
        }
        self.check_dimensions()?;
        if let Some(switch) = &self.switch_is
            && (self.is_array() || self.string.is_some())
        {
            return Err(Error::new_spanned(
                switch,
                "switch_is is for a union, not for an array",
            ));
        }
        Ok(())
    }

    /// Everything that is said about dimensions speaks of as many.
    fn check_dimensions(&self) -> Result<()> {
        let Some(dimensions) = self.dimensions() else {
            return Ok(());
        };
        if let Some(odd) = self
            .extents()
            .find(|e| dimensions_of(e) != Some(dimensions))
        {
            return Err(Error::new_spanned(
                odd,
                format!("the array has {dimensions} dimensions here, and others elsewhere"),
            ));
        }
        if let Some(span) = self.conformant.or(self.string) {
            return Err(Error::new(
                span,
                "an array of several dimensions has size_is or varying with each of them",
            ));
        }
        Ok(())
    }

    /// What is said for each dimension.
    fn extents(&self) -> impl Iterator<Item = &Expr> {
        let room = self.varying.as_ref().and_then(|(_, room)| room.as_ref());
        self.size_is
            .iter()
            .chain(&self.first_is)
            .chain(&self.length_is)
            .chain(room)
    }

    /// How many dimensions the array has, if it is said for each: `(a, b)`.
    pub(crate) fn dimensions(&self) -> Option<usize> {
        self.extents().find_map(dimensions_of)
    }

    /// Refuses what an arm of a union cannot have: it has no fields next to it, so only constants
    /// count it.
    pub(crate) fn check_arm(&self, krate: &TokenStream) -> Result<()> {
        if let Some(switch) = &self.switch_is {
            return Err(Error::new_spanned(
                switch,
                "nothing selects the arm of a union in an arm: make a structure",
            ));
        }
        for expression in self.correlations() {
            correlation::constant(krate, expression)?;
        }
        match &self.range {
            Some((min, _)) => Err(Error::new_spanned(
                min,
                "range is for fields; make a structure of the arm",
            )),
            None => Ok(()),
        }
    }

    /// Whether an array attribute is there. (A string alone has none.)
    pub(crate) fn is_array(&self) -> bool {
        self.fixed.is_some() || self.is_varying_or_conformant()
    }

    fn is_varying_or_conformant(&self) -> bool {
        self.size_is.is_some()
            || self.first_is.is_some()
            || self.length_is.is_some()
            || self.conformant.is_some()
            || self.varying.is_some()
    }

    /// Whether all elements of the array are sent.
    pub(crate) fn is_whole(&self) -> bool {
        self.first_is.is_none() && self.length_is.is_none()
    }

    /// Where to point when the array or string must not be conformant.
    pub(crate) fn conformant_span(&self) -> Option<Span> {
        if matches!(self.varying, Some((_, Some(_)))) {
            return None;
        }
        self.size_is
            .as_ref()
            .map(Spanned::span)
            .or(self.conformant)
            .or(self.string)
    }
}

/// On a variant of a union.
#[derive(Default)]
pub(crate) struct VariantAttributes {
    pub(crate) case: Option<Expr>,
    pub(crate) default: Option<Span>,
}

impl VariantAttributes {
    /// Takes the variant's own attributes and gives back the others, which are about its field.
    pub(crate) fn parse(attributes: &[Attribute]) -> Result<(Self, FieldAttributes)> {
        let mut parsed = VariantAttributes::default();
        let mut field = FieldAttributes::default();
        for_each_item(attributes, |meta| {
            let span = meta.path.span();
            if meta.path.is_ident("case") {
                set(&mut parsed.case, meta.value()?.parse()?, span)
            } else if meta.path.is_ident("default") {
                set(&mut parsed.default, span, span)
            } else {
                field.item(&meta)
            }
        })?;
        field.check()?;
        Ok((parsed, field))
    }
}

fn dimensions_of(expression: &Expr) -> Option<usize> {
    match expression {
        Expr::Tuple(tuple) => Some(tuple.elems.len()),
        _ => None,
    }
}

fn for_each_item(
    attributes: &[Attribute],
    mut item: impl FnMut(ParseNestedMeta<'_>) -> Result<()>,
) -> Result<()> {
    attributes
        .iter()
        .filter(|attribute| attribute.path().is_ident("ndr"))
        .try_for_each(|attribute| attribute.parse_nested_meta(&mut item))
}

fn set<T>(place: &mut Option<T>, value: T, span: Span) -> Result<()> {
    if place.replace(value).is_some() {
        return Err(Error::new(span, "the attribute is given twice"));
    }
    Ok(())
}

/// `= "expression"` or `= expression`.
fn parse_correlation(meta: &ParseNestedMeta<'_>) -> Result<Expr> {
    let value = meta.value()?;
    if value.peek(LitStr) {
        value.parse::<LitStr>()?.parse()
    } else {
        value.parse()
    }
}

/// `(min, max)`.
fn parse_range(meta: &ParseNestedMeta<'_>) -> Result<(Expr, Expr)> {
    let content;
    parenthesized!(content in meta.input);
    let min = content.parse()?;
    content.parse::<Token![,]>()?;
    let max = content.parse()?;
    if content.is_empty() {
        Ok((min, max))
    } else {
        Err(content.error("range has two bounds"))
    }
}
