//! Owns moments and lifetimes as they are typed and shown. Never asks what time it is.

use std::time::Duration;

use ferrumdb::Ttl;

use crate::typed::quoted;

/// Milliseconds since 1970: from `2026-11-23T04:00:00Z`, with a fraction of the second if there is one, or from their
/// number.
///
/// # Errors
/// A sentence that says what is wanted.
pub(crate) fn parse(text: &str) -> Result<u64, String> {
    let number = text.parse().ok();
    number.or_else(|| moment(text)).ok_or_else(|| "give a time as 2026-11-23T04:00:00Z, in UTC".to_owned())
}

/// A time in seconds, of which there may be a part.
///
/// # Errors
/// A sentence that says what is wanted.
pub(crate) fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    seconds.ok_or_else(|| format!("{} is no number of seconds; give 60, or 0.5", quoted(text)))
}

/// A time in seconds, above 0.
///
/// # Errors
/// As [`seconds`].
pub(crate) fn lifetime(text: &str) -> Result<Duration, String> {
    let lifetime = seconds(text).ok().filter(|lifetime| !lifetime.is_zero());
    lifetime.ok_or_else(|| format!("{} is no number of seconds above 0; give 60, or 0.5", quoted(text)))
}

/// Whole seconds, the last of which is the 1: who is told 0 would look for a document that is gone. Nothing for what does
/// not expire.
pub(crate) fn seconds_left(ttl: Option<Ttl>) -> Option<u64> {
    match ttl {
        Some(Ttl::ExpiresIn(left)) => {
            Some(u64::try_from(left.as_nanos().div_ceil(1_000_000_000)).unwrap_or(u64::MAX))
        }
        Some(Ttl::Never) | None => None,
    }
}

/// The moment of so many milliseconds since 1970, as [`parse`] reads it.
pub(crate) fn shown(milliseconds: u64) -> String {
    let (seconds, millis) = (milliseconds / 1_000, milliseconds % 1_000);
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    // Years that begin in March have their leap day at the end; 719,468 days before 1970 the first era of 400 years began.
    let day = days + 719_468;
    let (era, day_of_era) = (day / 146_097, day % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let (hour, minute) = (second / 3_600, second / 60 % 60);
    format!("{year:04}-{month:02}-{day_of_month:02}T{hour:02}:{minute:02}:{:02}.{millis:03}Z", second % 60)
}

fn moment(text: &str) -> Option<u64> {
    let text = text.strip_suffix('Z')?;
    let (date, time) = text.split_once(['T', ' '])?;
    let [year, month, day] = numbers(date, '-')?;
    let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let [hour, minute, second] = numbers(time, ':')?;
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let lengths = [31, if leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let length = *lengths.get(usize::try_from(month).ok()?.checked_sub(1)?)?;
    let is_valid = (1970..=9999).contains(&year)
        && (1..=length).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60
        && fraction.bytes().all(|byte| byte.is_ascii_digit());
    if !is_valid || fraction.is_empty() {
        return None;
    }
    let past = year - 1;
    // The days from 1 January of the year 1 on, of which 719,162 are before 1970.
    let years = past * 365 + past / 4 - past / 100 + past / 400;
    let days = years + lengths[..month as usize - 1].iter().sum::<u64>() + day - 1 - 719_162;
    let millis: u64 = format!("{fraction:0<3}")[..3].parse().ok()?;
    Some((((days * 24 + hour) * 60 + minute) * 60 + second) * 1_000 + millis)
}

/// Three numbers of digits alone.
fn numbers(text: &str, separator: char) -> Option<[u64; 3]> {
    let parts: Vec<u64> = text
        .split(separator)
        .map(|part| part.bytes().all(|byte| byte.is_ascii_digit()).then(|| part.parse().ok()).flatten())
        .collect::<Option<_>>()?;
    parts.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::{parse, shown};

    #[test]
    fn a_moment_is_read_to_the_millisecond() {
        assert_eq!(parse("1970-01-01T00:00:00Z"), Ok(0));
        assert_eq!(parse("2000-02-29T12:34:56.789Z"), Ok(951_827_696_789));
        assert_eq!(parse("2026-11-23 04:00:00.5Z"), Ok(1_795_406_400_500));
        assert_eq!(parse("2024-12-31T23:59:59Z"), Ok(1_735_689_599_000));
        assert_eq!(parse("1795406400500"), Ok(1_795_406_400_500));
    }

    #[test]
    fn a_moment_is_shown_as_it_can_be_typed() {
        for moment in ["1970-01-01T00:00:00.000Z", "2000-02-29T12:34:56.789Z", "2024-12-31T23:59:59.999Z"] {
            assert_eq!(parse(moment).map(shown).as_deref(), Ok(moment));
        }
        // Each day from 1970 to 2120, over a century that has no leap day.
        for day in 0..55_000 {
            let milliseconds = day * 86_400_000 + day % 86_400_000;
            assert_eq!(parse(&shown(milliseconds)), Ok(milliseconds), "{}", shown(milliseconds));
        }
    }

    #[test]
    fn what_is_no_moment_is_refused() {
        for text in [
            "",
            "now",
            "2026-11-23",
            "2026-11-23T04:00Z",
            "2026-11-23T04:00:00",
            "2026-13-01T00:00:00Z",
            "2026-02-29T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "1969-12-31T23:59:59Z",
            "2026-11-23T24:00:00Z",
            "2026-11-23T04:00:00.Z",
            "2026-11-23T+4:00:00Z",
            "-5",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
