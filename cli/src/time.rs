//! Owns reading a moment from an argument. Never asks what time it is.

/// Milliseconds since 1970: from `2026-11-23T04:00:00Z`, with a fraction of the second if there is one, or from their
/// number.
///
/// # Errors
/// A sentence that says what is wanted.
pub(crate) fn parse(text: &str) -> Result<u64, String> {
    let number = text.parse().ok();
    number.or_else(|| moment(text)).ok_or_else(|| "give a time as 2026-11-23T04:00:00Z, in UTC".to_owned())
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
    use super::parse;

    #[test]
    fn a_moment_is_read_to_the_millisecond() {
        assert_eq!(parse("1970-01-01T00:00:00Z"), Ok(0));
        assert_eq!(parse("2000-02-29T12:34:56.789Z"), Ok(951_827_696_789));
        assert_eq!(parse("2026-11-23 04:00:00.5Z"), Ok(1_795_406_400_500));
        assert_eq!(parse("2024-12-31T23:59:59Z"), Ok(1_735_689_599_000));
        assert_eq!(parse("1795406400500"), Ok(1_795_406_400_500));
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
